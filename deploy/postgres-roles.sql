-- Who may do what in duban's PostgreSQL database? Run it once as a superuser, connected to that database, after
-- `duban init` has made the schema; and again after an update of duban, since new tables have no rights yet.
--
--   duban_owner  owns the tables: `duban init` and `duban restore` run as this role, the services never do
--   duban        the services: facts, matters and messages as they need; of the audit trail they read and add only
--
-- Give each a password of its own: \password duban_owner, \password duban.

DO $$
DECLARE
    name text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'duban_owner') THEN
        CREATE ROLE duban_owner LOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'duban') THEN
        CREATE ROLE duban LOGIN;
    END IF;
    -- An owner can take triggers down, and whoever owns the database or the schema can drop the tables in it: so the
    -- services' role owns nothing, be it that it has made all this.
    IF (SELECT datdba FROM pg_database WHERE datname = current_database()) = 'duban'::regrole THEN
        EXECUTE format('ALTER DATABASE %I OWNER TO duban_owner', current_database());
    END IF;
    IF (SELECT nspowner FROM pg_namespace WHERE nspname = 'public') = 'duban'::regrole THEN
        ALTER SCHEMA public OWNER TO duban_owner;
    END IF;
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
        EXECUTE format('ALTER TABLE public.%I OWNER TO duban_owner', name);
    END LOOP;
    FOR name IN SELECT oid::regprocedure::text FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace AND prorettype = 'trigger'::regtype LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO duban_owner', name);
    END LOOP;
END
$$;

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO duban_owner;
GRANT USAGE ON SCHEMA public TO duban;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO duban;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO duban;

-- The trail is read and added to, nothing else; triggers refuse the rest even to the owner.
REVOKE ALL ON audit FROM duban;
GRANT SELECT, INSERT ON audit TO duban;
-- The version of the schema is the owner's.
REVOKE ALL ON alembic_version FROM duban;
GRANT SELECT ON alembic_version TO duban;
