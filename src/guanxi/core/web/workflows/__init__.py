"""Pages of workflows: drawing one, its runs on the drawing, the tasks people have in them."""
