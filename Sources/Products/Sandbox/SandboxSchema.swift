import Modules

/// The tables of sessions, what they did and made, and experiments.
enum SandboxSchema {
    static let migrations = [
        Migration(
            "sandbox-001-initial",
            """
            CREATE TABLE sandbox_sessions (
                id TEXT PRIMARY KEY NOT NULL,
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                person_id TEXT NOT NULL,
                session_key TEXT NOT NULL UNIQUE,
                temp_username TEXT NOT NULL,
                temp_password_hash TEXT NOT NULL,
                aws_keys TEXT,
                aws_account TEXT,
                aws_region TEXT NOT NULL,
                original_instance_id TEXT NOT NULL,
                instance_id TEXT NOT NULL,
                instance_type TEXT NOT NULL,
                availability_zone TEXT NOT NULL,
                actuates \(.integer) NOT NULL CHECK (actuates IN (0, 1)),
                state TEXT NOT NULL CHECK (state IN ('active', 'expired', 'ended')),
                signal TEXT NOT NULL
                    CHECK (signal IN ('NONE', 'REBALANCE_RECOMMENDATION', 'INSTANCE_TERMINATION')),
                evaluation_id TEXT,
                evaluating_until \(.integer),
                clean_up TEXT NOT NULL CHECK (clean_up IN ('none', 'pending', 'done', 'incomplete')),
                clean_up_report TEXT,
                created_at \(.integer) NOT NULL,
                expires_at \(.integer) NOT NULL CHECK (expires_at > created_at),
                ended_at \(.integer),
                CHECK ((ended_at IS NULL) = (state = 'active'))
            ) \(.strict)
            """,
            "CREATE INDEX sandbox_sessions_active ON sandbox_sessions (organisation_id) WHERE state = 'active'",
            "CREATE INDEX sandbox_sessions_by_person ON sandbox_sessions (person_id) WHERE state = 'active'",
            "CREATE INDEX sandbox_sessions_by_expiry ON sandbox_sessions (expires_at) WHERE state = 'active'",
            "CREATE INDEX sandbox_sessions_by_end ON sandbox_sessions (ended_at) WHERE ended_at IS NOT NULL",
            """
            CREATE TABLE sandbox_actions (
                id TEXT PRIMARY KEY NOT NULL,
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                session_id TEXT NOT NULL REFERENCES sandbox_sessions (id),
                number \(.integer) NOT NULL CHECK (number > 0),
                kind TEXT NOT NULL CHECK (kind IN (
                    'MONITORING', 'AMI_CREATE', 'SPOT_LAUNCH', 'HEALTH_CHECK', 'INSTANCE_STOP', 'ROLL_BACK',
                    'CLEAN_UP')),
                status TEXT NOT NULL CHECK (status IN ('SUCCESS', 'FAILED', 'IN_PROGRESS')),
                details TEXT NOT NULL,
                execution_time_ms \(.integer) CHECK (execution_time_ms >= 0),
                error_message TEXT,
                created_at \(.integer) NOT NULL
            ) \(.strict)
            """,
            "CREATE INDEX sandbox_actions_by_session ON sandbox_actions (session_id, number, id)",
            """
            CREATE TABLE sandbox_savings (
                id TEXT PRIMARY KEY NOT NULL,
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                session_id TEXT NOT NULL REFERENCES sandbox_sessions (id),
                instance_type TEXT NOT NULL,
                availability_zone TEXT NOT NULL,
                spot_price \(.integer) NOT NULL CHECK (spot_price >= 0),
                on_demand_price \(.integer) NOT NULL CHECK (on_demand_price >= 0),
                source TEXT NOT NULL CHECK (source IN ('aws', 'builtin')),
                started_at \(.integer) NOT NULL,
                ended_at \(.integer),
                CHECK (ended_at IS NULL OR ended_at > started_at)
            ) \(.strict)
            """,
            "CREATE INDEX sandbox_savings_by_session ON sandbox_savings (session_id, started_at)",
            "CREATE UNIQUE INDEX sandbox_savings_one_open ON sandbox_savings (session_id) WHERE ended_at IS NULL",
            """
            CREATE TABLE sandbox_moves (
                id TEXT PRIMARY KEY NOT NULL,
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                session_id TEXT NOT NULL REFERENCES sandbox_sessions (id),
                state TEXT NOT NULL CHECK (state IN (
                    'image', 'launch', 'health', 'stop', 'roll_back', 'done', 'failed', 'incomplete')),
                aws_account TEXT NOT NULL,
                aws_region TEXT NOT NULL,
                from_instance_id TEXT NOT NULL,
                instance_type TEXT NOT NULL,
                availability_zone TEXT NOT NULL,
                spot_price \(.integer) NOT NULL CHECK (spot_price >= 0),
                on_demand_price \(.integer) NOT NULL CHECK (on_demand_price >= 0),
                image_id TEXT,
                instance_id TEXT,
                error TEXT,
                has_stopped \(.integer) NOT NULL CHECK (has_stopped IN (0, 1)),
                started_at \(.integer) NOT NULL,
                step_at \(.integer) NOT NULL,
                finished_at \(.integer),
                CHECK ((finished_at IS NULL) = (state NOT IN ('done', 'failed', 'incomplete')))
            ) \(.strict)
            """,
            """
            CREATE UNIQUE INDEX sandbox_moves_one_at_a_time ON sandbox_moves (session_id)
            WHERE finished_at IS NULL
            """,
            """
            CREATE UNIQUE INDEX sandbox_moves_one_of_an_instance
            ON sandbox_moves (aws_account, aws_region, from_instance_id) WHERE finished_at IS NULL
            """,
            "CREATE INDEX sandbox_moves_by_session ON sandbox_moves (session_id)",
            "CREATE INDEX sandbox_moves_by_account ON sandbox_moves (aws_account, aws_region)",
            """
            CREATE TABLE sandbox_resources (
                id TEXT PRIMARY KEY NOT NULL,
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                session_id TEXT NOT NULL REFERENCES sandbox_sessions (id),
                move_id TEXT NOT NULL,
                kind TEXT NOT NULL CHECK (kind IN ('image', 'instance')),
                token TEXT NOT NULL,
                aws_id TEXT,
                state TEXT NOT NULL CHECK (state IN ('intended', 'made', 'removed')),
                created_at \(.integer) NOT NULL,
                removed_at \(.integer),
                UNIQUE (session_id, kind, token),
                CHECK ((removed_at IS NULL) = (state <> 'removed'))
            ) \(.strict)
            """,
            """
            CREATE TABLE lab_models (
                id TEXT PRIMARY KEY NOT NULL,
                name TEXT NOT NULL,
                version TEXT NOT NULL,
                description TEXT NOT NULL,
                is_experimental \(.integer) NOT NULL CHECK (is_experimental IN (0, 1)),
                is_active \(.integer) NOT NULL CHECK (is_active IN (0, 1)),
                created_at \(.integer) NOT NULL,
                UNIQUE (name, version)
            ) \(.strict)
            """,
            """
            INSERT INTO lab_models (id, name, version, description, is_experimental, is_active, created_at) VALUES
                ('01990000-0000-7000-8000-000000000210', 'FamilyStressPredictor', 'v2.1.0',
                    'Risk of a spot pool from its prices and those of its family: in production', 0, 1,
                    1735689600000000),
                ('01990000-0000-7000-8000-000000000220', 'FamilyStressPredictor', 'v2.2.0-beta',
                    'The next version of the model, for experiments', 1, 1, 1735689600000000)
            """,
            """
            CREATE TABLE lab_instances (
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                instance_id TEXT NOT NULL,
                pipeline_mode TEXT NOT NULL CHECK (pipeline_mode IN ('CLUSTER_FULL', 'SINGLE_LINEAR')),
                model_id TEXT REFERENCES lab_models (id),
                enable_bin_packing \(.integer) NOT NULL CHECK (enable_bin_packing IN (0, 1)),
                enable_right_sizing \(.integer) NOT NULL CHECK (enable_right_sizing IN (0, 1)),
                enable_family_stress \(.integer) NOT NULL CHECK (enable_family_stress IN (0, 1)),
                aws_region TEXT NOT NULL,
                created_at \(.integer) NOT NULL,
                updated_at \(.integer) NOT NULL,
                PRIMARY KEY (organisation_id, instance_id)
            ) \(.strict)
            """,
            """
            CREATE TABLE lab_experiments (
                id TEXT PRIMARY KEY NOT NULL,
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                instance_id TEXT NOT NULL,
                model_id TEXT NOT NULL REFERENCES lab_models (id),
                model_version TEXT NOT NULL,
                prediction_score \(.real),
                decision TEXT NOT NULL CHECK (decision IN ('SWITCH', 'HOLD', 'FAILED')),
                execution_duration_ms \(.integer) NOT NULL CHECK (execution_duration_ms >= 0),
                candidates_evaluated \(.integer) NOT NULL CHECK (candidates_evaluated >= 0),
                selected_type TEXT,
                selected_zone TEXT,
                spot_price \(.integer),
                on_demand_price \(.integer),
                projected_savings \(.integer) NOT NULL,
                pipeline_mode TEXT NOT NULL,
                source TEXT NOT NULL,
                executed_at \(.integer) NOT NULL
            ) \(.strict)
            """,
            """
            CREATE INDEX lab_experiments_by_instance
            ON lab_experiments (organisation_id, instance_id, executed_at, id)
            """,
            "CREATE INDEX lab_experiments_by_model ON lab_experiments (organisation_id, model_id)",
            "CREATE INDEX lab_experiments_by_time ON lab_experiments (executed_at)",
            """
            CREATE TABLE lab_archives (
                id TEXT PRIMARY KEY NOT NULL,
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                row_count \(.integer) NOT NULL CHECK (row_count > 0),
                bytes \(.integer) NOT NULL CHECK (bytes > 0),
                first_at \(.integer) NOT NULL,
                last_at \(.integer) NOT NULL,
                created_at \(.integer) NOT NULL
            ) \(.strict)
            """
        )
    ]
}
