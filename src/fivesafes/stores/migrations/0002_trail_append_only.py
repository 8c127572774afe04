"""The trail can be appended to and nothing else, whoever asks: the database itself refuses.

This stops slips and common tools, not somebody who owns the database: that one is convicted by the checkpoints.
"""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

SQLITE = {
    "trail_no_update": """
        CREATE TRIGGER trail_no_update BEFORE UPDATE ON haven_trailentry
        BEGIN SELECT RAISE(ABORT, 'the trail is append-only'); END""",
    "trail_no_delete": """
        CREATE TRIGGER trail_no_delete BEFORE DELETE ON haven_trailentry
        BEGIN SELECT RAISE(ABORT, 'the trail is append-only'); END""",
    # REPLACE deletes without firing the trigger above; so a new entry must also be the next one.
    "trail_next_only": """
        CREATE TRIGGER trail_next_only BEFORE INSERT ON haven_trailentry
        WHEN NEW.n IS NOT (SELECT COALESCE(MAX(n) + 1, 0) FROM haven_trailentry)
        BEGIN SELECT RAISE(ABORT, 'the trail is append-only'); END""",
    "checkpoint_no_change": """
        CREATE TRIGGER checkpoint_no_change BEFORE UPDATE ON haven_checkpoint
        WHEN NEW.size IS NOT OLD.size OR NEW.note IS NOT OLD.note
        BEGIN SELECT RAISE(ABORT, 'a checkpoint is for good'); END""",
    "checkpoint_no_delete": """
        CREATE TRIGGER checkpoint_no_delete BEFORE DELETE ON haven_checkpoint
        BEGIN SELECT RAISE(ABORT, 'a checkpoint is for good'); END""",
    "checkpoint_once": """
        CREATE TRIGGER checkpoint_once BEFORE INSERT ON haven_checkpoint
        WHEN EXISTS (SELECT 1 FROM haven_checkpoint WHERE size = NEW.size)
        BEGIN SELECT RAISE(ABORT, 'a checkpoint is for good'); END""",
}

POSTGRESQL = [
    """
    CREATE FUNCTION haven_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'the trail is append-only'; END $$""",
    """
    CREATE TRIGGER trail_append_only BEFORE UPDATE OR DELETE ON haven_trailentry
    FOR EACH ROW EXECUTE FUNCTION haven_append_only()""",
    """
    CREATE TRIGGER trail_no_truncate BEFORE TRUNCATE ON haven_trailentry
    FOR EACH STATEMENT EXECUTE FUNCTION haven_append_only()""",
    # A function that is volatile sees the rows that the same statement inserted before this one.
    """
    CREATE FUNCTION haven_next_only() RETURNS trigger LANGUAGE plpgsql VOLATILE AS $$
    BEGIN
        IF NEW.n IS DISTINCT FROM (SELECT COALESCE(MAX(n) + 1, 0) FROM haven_trailentry) THEN
            RAISE EXCEPTION 'the trail is append-only';
        END IF;
        RETURN NEW;
    END $$""",
    """
    CREATE TRIGGER trail_next_only BEFORE INSERT ON haven_trailentry
    FOR EACH ROW EXECUTE FUNCTION haven_next_only()""",
    """
    CREATE TRIGGER checkpoint_no_change BEFORE UPDATE ON haven_checkpoint
    FOR EACH ROW WHEN (NEW.size IS DISTINCT FROM OLD.size OR NEW.note IS DISTINCT FROM OLD.note)
    EXECUTE FUNCTION haven_append_only()""",
    """
    CREATE TRIGGER checkpoint_no_delete BEFORE DELETE ON haven_checkpoint
    FOR EACH ROW EXECUTE FUNCTION haven_append_only()""",
    """
    CREATE TRIGGER checkpoint_no_truncate BEFORE TRUNCATE ON haven_checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION haven_append_only()""",
]


def close(_apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    statements = POSTGRESQL if schema_editor.connection.vendor == "postgresql" else list(SQLITE.values())
    for statement in statements:
        schema_editor.execute(statement, params=None)


def open_again(_apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP FUNCTION haven_append_only(), haven_next_only() CASCADE", params=None)
        return
    for name in SQLITE:
        schema_editor.execute(f"DROP TRIGGER {name}", params=None)


class Migration(migrations.Migration):
    dependencies = [("haven", "0001_initial")]

    operations = [migrations.RunPython(close, open_again)]
