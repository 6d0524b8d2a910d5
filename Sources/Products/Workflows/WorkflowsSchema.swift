import Modules

/// The tables of workflows.
enum WorkflowsSchema {
    static let migrations = [
        Migration(
            "workflows-001-initial",
            """
            CREATE TABLE workflows (
                id TEXT PRIMARY KEY NOT NULL,
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                person_id TEXT NOT NULL,
                plan TEXT NOT NULL,
                trust TEXT NOT NULL CHECK (trust IN ('standard', 'elevated')),
                intent TEXT NOT NULL,
                context TEXT NOT NULL,
                graph TEXT,
                priority TEXT NOT NULL CHECK (priority IN ('low', 'normal', 'high', 'critical')),
                priority_rank \(.integer) NOT NULL CHECK (priority_rank BETWEEN 0 AND 3),
                parent_step_id TEXT,
                root_id TEXT NOT NULL,
                depth \(.integer) NOT NULL CHECK (depth >= 0),
                budget \(.integer) NOT NULL CHECK (budget >= 0),
                operation_key TEXT NOT NULL,
                fingerprint TEXT NOT NULL,
                credit_hold_id TEXT,
                reservation_id TEXT UNIQUE,
                credits_left \(.integer),
                state TEXT NOT NULL CHECK (
                    state IN ('pending', 'running', 'paused', 'completed', 'failed', 'cancelled')
                ),
                pause TEXT CHECK (pause IN ('requested', 'escalated')),
                settlement TEXT NOT NULL CHECK (settlement IN ('none', 'held', 'committed', 'released')),
                planner TEXT CHECK (planner IN ('rules', 'model', 'client')),
                estimated_cost \(.integer) NOT NULL CHECK (estimated_cost >= 0),
                estimated_seconds \(.real) NOT NULL CHECK (estimated_seconds >= 0),
                cost \(.integer) NOT NULL CHECK (cost >= 0),
                planning_cost \(.integer) NOT NULL CHECK (planning_cost BETWEEN 0 AND cost),
                reserved_cost \(.integer) NOT NULL CHECK (reserved_cost >= 0),
                confidence_sum \(.real) NOT NULL,
                steps_total \(.integer) NOT NULL CHECK (steps_total >= 0),
                steps_completed \(.integer) NOT NULL CHECK (steps_completed >= 0),
                steps_failed \(.integer) NOT NULL CHECK (steps_failed >= 0),
                output_bytes \(.integer) NOT NULL CHECK (output_bytes >= 0),
                error_code TEXT,
                error TEXT,
                created_at \(.integer) NOT NULL,
                started_at \(.integer),
                paused_at \(.integer),
                pause_mailed_at \(.integer),
                finished_at \(.integer),
                deadline_at \(.integer),
                UNIQUE (organisation_id, operation_key),
                CHECK ((pause IS NOT NULL) = (state = 'paused')),
                CHECK ((finished_at IS NOT NULL) = (state IN ('completed', 'failed', 'cancelled'))),
                CHECK (steps_completed + steps_failed <= steps_total),
                CHECK ((error_code IS NOT NULL) = (state = 'failed'))
            ) \(.strict)
            """,
            "CREATE INDEX workflows_by_organisation ON workflows (organisation_id, created_at)",
            "CREATE INDEX workflows_by_root ON workflows (root_id)",
            // A step has one workflow at a time; a resumed step begins another one.
            """
            CREATE UNIQUE INDEX workflows_within ON workflows (parent_step_id)
            WHERE state IN ('pending', 'running', 'paused')
            """,
            "CREATE INDEX workflows_by_state ON workflows (state, id)",
            "CREATE INDEX workflows_by_person ON workflows (person_id, id)",
            """
            CREATE INDEX workflows_unfinished ON workflows (person_id)
            WHERE state IN ('pending', 'running', 'paused')
            """,
            "CREATE INDEX workflows_held ON workflows (id) WHERE settlement = 'held'",
            "CREATE INDEX workflows_by_deadline ON workflows (deadline_at) WHERE deadline_at IS NOT NULL",
            "CREATE INDEX workflows_by_pause ON workflows (paused_at) WHERE paused_at IS NOT NULL",
            "CREATE INDEX workflows_by_end ON workflows (finished_at) WHERE finished_at IS NOT NULL",
            """
            CREATE TABLE workflow_steps (
                id TEXT PRIMARY KEY NOT NULL,
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                workflow_id TEXT NOT NULL REFERENCES workflows (id),
                node_id TEXT NOT NULL,
                position \(.integer) NOT NULL CHECK (position >= 0),
                node TEXT NOT NULL,
                state TEXT NOT NULL CHECK (
                    state IN (
                        'pending', 'ready', 'running', 'waiting', 'awaiting_approval', 'succeeded', 'failed',
                        'cancelled')
                ),
                priority_rank \(.integer) NOT NULL,
                attempt \(.integer) NOT NULL CHECK (attempt >= 0),
                attempts_before \(.integer) NOT NULL DEFAULT 0 CHECK (attempts_before BETWEEN 0 AND attempt),
                run_at \(.integer) NOT NULL,
                job_id TEXT,
                agent_id TEXT,
                model TEXT,
                output TEXT,
                output_status \(.integer),
                output_rows \(.integer),
                confidence \(.real) CHECK (confidence BETWEEN 0 AND 1),
                cost \(.integer) NOT NULL CHECK (cost >= 0),
                reserved_cost \(.integer) NOT NULL DEFAULT 0 CHECK (reserved_cost >= 0),
                milliseconds \(.integer) NOT NULL CHECK (milliseconds >= 0),
                failure TEXT,
                error TEXT,
                started_at \(.integer),
                finished_at \(.integer),
                UNIQUE (workflow_id, node_id),
                CHECK ((output IS NOT NULL) = (state = 'succeeded')),
                CHECK ((job_id IS NOT NULL) = (state = 'running')),
                CHECK (reserved_cost = 0 OR state = 'running'),
                CHECK ((agent_id IS NOT NULL) = (state IN ('running', 'waiting')))
            ) \(.strict)
            """,
            """
            CREATE INDEX workflow_steps_ready ON workflow_steps (
                organisation_id, priority_rank, workflow_id, attempt, position
            )
            WHERE state = 'ready'
            """,
            """
            CREATE TABLE workflow_agents (
                id TEXT PRIMARY KEY NOT NULL,
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                workflow_id TEXT NOT NULL REFERENCES workflows (id),
                step_id TEXT NOT NULL REFERENCES workflow_steps (id),
                capabilities TEXT NOT NULL,
                state TEXT NOT NULL CHECK (state IN ('working', 'waiting', 'failed', 'retired')),
                spawned_at \(.integer) NOT NULL,
                ended_at \(.integer),
                cost \(.integer) CHECK (cost >= 0),
                estimated_cost \(.integer) CHECK (estimated_cost >= 0),
                CHECK ((cost IS NULL) = (estimated_cost IS NULL)),
                CHECK (cost IS NULL OR ended_at IS NOT NULL),
                CHECK ((ended_at IS NOT NULL) = (state IN ('failed', 'retired')))
            ) \(.strict)
            """,
            """
            CREATE TABLE workflow_models (
                name TEXT PRIMARY KEY NOT NULL,
                reliability \(.integer) NOT NULL CHECK (reliability BETWEEN 0 AND 100)
            ) \(.strict)
            """,
            "CREATE INDEX workflow_agents_working ON workflow_agents (organisation_id) WHERE state = 'working'",
            "CREATE INDEX workflow_agents_by_workflow ON workflow_agents (workflow_id, id)",
            "CREATE INDEX workflow_agents_by_organisation ON workflow_agents (organisation_id, id)",
            """
            CREATE TABLE workflow_costs (
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                person_id TEXT NOT NULL,
                plan TEXT NOT NULL,
                day \(.integer) NOT NULL,
                attempts \(.integer) NOT NULL CHECK (attempts >= 0),
                cost \(.integer) NOT NULL CHECK (cost >= 0),
                estimated_cost \(.integer) NOT NULL CHECK (estimated_cost >= 0),
                has_deleted \(.integer) NOT NULL CHECK (has_deleted IN (0, 1)),
                PRIMARY KEY (organisation_id, person_id, plan, day)
            ) \(.strict)
            """,
            "CREATE INDEX workflow_costs_by_day ON workflow_costs (day)",
            "CREATE INDEX workflow_costs_by_person ON workflow_costs (person_id, day)",
            """
            CREATE TABLE workflow_effects (
                id TEXT PRIMARY KEY NOT NULL,
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                step_id TEXT NOT NULL REFERENCES workflow_steps (id),
                attempt \(.integer) NOT NULL,
                kind TEXT NOT NULL,
                digest TEXT NOT NULL,
                state TEXT NOT NULL CHECK (state IN ('sending', 'done', 'refused', 'unknown')),
                output TEXT,
                output_status \(.integer),
                created_at \(.integer) NOT NULL,
                settled_at \(.integer),
                UNIQUE (step_id, attempt),
                CHECK ((settled_at IS NULL) = (state = 'sending')),
                CHECK ((output IS NOT NULL) = (state = 'done'))
            ) \(.strict)
            """,
            """
            CREATE TABLE workflow_files (
                id TEXT PRIMARY KEY NOT NULL,
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                root_id TEXT NOT NULL,
                path TEXT NOT NULL,
                bytes \(.integer) NOT NULL CHECK (bytes >= 0),
                sha256 TEXT NOT NULL,
                created_at \(.integer) NOT NULL,
                UNIQUE (root_id, path)
            ) \(.strict)
            """,
            "CREATE INDEX workflow_files_by_organisation ON workflow_files (organisation_id)",
            """
            CREATE TABLE workflow_approvals (
                id TEXT PRIMARY KEY NOT NULL,
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                workflow_id TEXT NOT NULL REFERENCES workflows (id),
                step_id TEXT NOT NULL REFERENCES workflow_steps (id),
                question TEXT NOT NULL,
                state TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'denied', 'ended')),
                asked_at \(.integer) NOT NULL,
                is_mailed \(.integer) NOT NULL DEFAULT 0 CHECK (is_mailed IN (0, 1)),
                answered_at \(.integer),
                answered_by TEXT,
                CHECK ((answered_at IS NULL) = (state = 'pending'))
            ) \(.strict)
            """,
            "CREATE INDEX workflow_approvals_by_workflow ON workflow_approvals (workflow_id, id)",
            "CREATE UNIQUE INDEX workflow_approvals_pending ON workflow_approvals (step_id) WHERE state = 'pending'",
            """
            CREATE TABLE workflow_schedules (
                id TEXT PRIMARY KEY NOT NULL,
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                person_id TEXT NOT NULL,
                step_id TEXT NOT NULL UNIQUE,
                intent TEXT NOT NULL,
                graph TEXT,
                cron TEXT NOT NULL,
                time_zone TEXT NOT NULL,
                next_at \(.integer) NOT NULL,
                next_set_at \(.integer) NOT NULL,
                is_active \(.integer) NOT NULL CHECK (is_active IN (0, 1)),
                refusals \(.integer) NOT NULL CHECK (refusals >= 0),
                refusal TEXT,
                created_at \(.integer) NOT NULL
            ) \(.strict)
            """,
            "CREATE INDEX workflow_schedules_due ON workflow_schedules (next_at) WHERE is_active = 1",
            "CREATE INDEX workflow_schedules_set ON workflow_schedules (next_set_at) WHERE is_active = 1",
            "CREATE INDEX workflow_schedules_by_organisation ON workflow_schedules (organisation_id)",
            "CREATE INDEX workflow_schedules_by_person ON workflow_schedules (person_id)"
        ),
        Migration(
            "workflows-002-consent-subjects",
            "ALTER TABLE workflow_approvals ADD COLUMN subject TEXT NOT NULL DEFAULT ''"
        ),
    ]
}
