import Modules

/// The tables of sessions, files, uploads, runs, models and plots.
enum TrainingSchema {
    static let migrations = [
        Migration(
            "training-001-initial",
            """
            CREATE TABLE training_sessions (
                id TEXT PRIMARY KEY NOT NULL,
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                client_id TEXT NOT NULL,
                name TEXT,
                phase TEXT NOT NULL CHECK (phase IN ('upload', 'phase1', 'phase2', 'phase3', 'phase4', 'completed')),
                is_finalized \(.integer) NOT NULL CHECK (is_finalized IN (0, 1)),
                time_info TEXT,
                steps TEXT,
                dataset_run_id TEXT,
                dataset_count \(.integer),
                created_at \(.integer) NOT NULL,
                updated_at \(.integer) NOT NULL,
                UNIQUE (organisation_id, client_id)
            ) \(.strict)
            """,
            """
            CREATE TABLE training_files (
                id TEXT PRIMARY KEY NOT NULL,
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                session_id TEXT NOT NULL REFERENCES training_sessions (id),
                name TEXT NOT NULL,
                kind TEXT NOT NULL CHECK (kind IN ('input', 'output')),
                digest TEXT NOT NULL,
                bytes \(.integer) NOT NULL CHECK (bytes > 0),
                series_bytes \(.integer) NOT NULL CHECK (series_bytes > 0),
                settings TEXT NOT NULL,
                report TEXT NOT NULL,
                created_at \(.integer) NOT NULL,
                UNIQUE (session_id, name, kind)
            ) \(.strict)
            """,
            "CREATE INDEX training_files_by_time ON training_files (organisation_id, created_at)",
            """
            CREATE TABLE training_uploads (
                id TEXT PRIMARY KEY NOT NULL,
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                session_id TEXT NOT NULL REFERENCES training_sessions (id),
                file_name TEXT NOT NULL,
                kind TEXT NOT NULL CHECK (kind IN ('input', 'output')),
                chunk_count \(.integer) NOT NULL CHECK (chunk_count > 0),
                series_bytes \(.integer) NOT NULL CHECK (series_bytes >= 0),
                assembling_until \(.integer),
                impersonation_id TEXT,
                created_at \(.integer) NOT NULL,
                UNIQUE (session_id, file_name, kind)
            ) \(.strict)
            """,
            """
            CREATE INDEX training_uploads_by_impersonation ON training_uploads (impersonation_id)
            WHERE impersonation_id IS NOT NULL
            """,
            """
            CREATE TABLE training_chunks (
                upload_id TEXT NOT NULL REFERENCES training_uploads (id),
                position \(.integer) NOT NULL CHECK (position >= 0),
                bytes \(.integer) NOT NULL CHECK (bytes >= 0),
                PRIMARY KEY (upload_id, position)
            ) \(.strict)
            """,
            """
            CREATE TABLE training_runs (
                id TEXT PRIMARY KEY NOT NULL,
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                session_id TEXT NOT NULL REFERENCES training_sessions (id),
                kind TEXT NOT NULL CHECK (kind IN ('datasets', 'training')),
                state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
                operation_key TEXT NOT NULL,
                fingerprint TEXT NOT NULL,
                request TEXT NOT NULL,
                result TEXT,
                error TEXT,
                error_code TEXT,
                attempt \(.integer),
                storage_bytes \(.integer) NOT NULL CHECK (storage_bytes >= 0),
                reservation_id TEXT NOT NULL,
                job_id TEXT NOT NULL,
                started_by TEXT NOT NULL,
                created_at \(.integer) NOT NULL,
                finished_at \(.integer),
                UNIQUE (organisation_id, operation_key),
                CHECK ((finished_at IS NULL) = (state IN ('queued', 'running'))),
                CHECK (storage_bytes = 0 OR state NOT IN ('failed', 'cancelled'))
            ) \(.strict)
            """,
            """
            CREATE UNIQUE INDEX training_runs_one_at_a_time ON training_runs (session_id)
            WHERE state IN ('queued', 'running')
            """,
            "CREATE INDEX training_runs_by_session ON training_runs (session_id, kind, created_at)",
            """
            CREATE TABLE training_models (
                id TEXT PRIMARY KEY NOT NULL,
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                session_id TEXT NOT NULL REFERENCES training_sessions (id),
                run_id TEXT NOT NULL REFERENCES training_runs (id),
                file_name TEXT NOT NULL,
                mode TEXT NOT NULL,
                bytes \(.integer) NOT NULL,
                created_at \(.integer) NOT NULL,
                UNIQUE (session_id, file_name)
            ) \(.strict)
            """,
            """
            CREATE TABLE training_plots (
                run_id TEXT NOT NULL REFERENCES training_runs (id),
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                session_id TEXT NOT NULL REFERENCES training_sessions (id),
                name TEXT NOT NULL,
                kind TEXT NOT NULL,
                label TEXT NOT NULL,
                file_name TEXT NOT NULL,
                position \(.integer) NOT NULL,
                PRIMARY KEY (run_id, name)
            ) \(.strict)
            """
        )
    ]
}
