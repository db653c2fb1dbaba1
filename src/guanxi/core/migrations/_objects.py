"""The one table of all custom objects, partitioned by object; a partition is made with each object (``guanxi.core.shaping``)."""

FORWARDS = """
CREATE TABLE core_objectrecord (
    object varchar(40) NOT NULL,
    id bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by_id bigint,
    updated_by_id bigint,
    version integer NOT NULL,
    deleted_at timestamptz,
    deleted_by_id bigint,
    custom jsonb NOT NULL,
    tags bigint[] NOT NULL,
    owner_id bigint,
    carrier_owner_id bigint,
    parent_id bigint,
    name varchar(200) NOT NULL,
    sort_key varchar(300) NOT NULL,
    PRIMARY KEY (object, id)
) PARTITION BY LIST (object);
CREATE INDEX core_objectrecord_id ON core_objectrecord (id);
CREATE INDEX core_objectrecord_recent ON core_objectrecord (updated_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX core_objectrecord_trash ON core_objectrecord (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX core_objectrecord_owner ON core_objectrecord (owner_id, updated_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX core_objectrecord_carrier ON core_objectrecord (carrier_owner_id, updated_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX core_objectrecord_parent ON core_objectrecord (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX core_objectrecord_sort ON core_objectrecord (sort_key, id) WHERE deleted_at IS NULL;
CREATE INDEX core_objectrecord_custom ON core_objectrecord USING gin (custom jsonb_path_ops);
"""
BACKWARDS = "DROP TABLE core_objectrecord;"
