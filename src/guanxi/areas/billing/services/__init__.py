"""What people do with quotes, contracts, orders, deliveries, money and invoices; one module per stage."""
