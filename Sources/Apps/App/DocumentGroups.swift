package import Modules

/// The groups of the API documentation, in their order.
package let documentGroups = DocumentGroups(
    "Accounts, subscriptions and metered products",
    details:
        "A signed-in request acts in the organisation of its token, or in the one that X-Organisation names.",
    groups)

private let groups: [DocumentGroup] = [
    DocumentGroup(
        "Accounts and sign-in",
        "Registration, sign-in and second factors, access and refresh tokens, API keys, e-mail and password changes.",
        segments: ["auth", "verify-email", "reset-password"]),
    DocumentGroup(
        "Profile and personal data", "The profile of the caller, the export of personal data and account erasure.",
        segments: ["user", "keep-account"]),
    DocumentGroup(
        "Organisations", "Organisations, their members and roles, and invitations.",
        segments: ["organisations", "invitations", "accept-invitation"]),
    DocumentGroup(
        "Plans and subscriptions", "The catalogue of plans, the subscription of the organisation and its changes.",
        segments: ["plans", "payments", "stripe", "subscriptions"]),
    DocumentGroup(
        "Payouts", "The account that an organisation is paid to, and the payouts to it.",
        segments: ["payouts", "payout-account"]),
    DocumentGroup(
        "Entitlements, usage and credits",
        "What the plan allows, reservations of metered units, usage events and the credit balance.",
        segments: ["entitlements", "usage", "credits"]),
    DocumentGroup(
        "Webhooks", "Endpoints of the organisation that get its events, their deliveries, and calls of other services.",
        segments: ["webhooks"]),
    DocumentGroup(
        "Realtime", "Topics of messages by WebSocket, server-sent events, NDJSON or long polling.",
        segments: ["realtime"]),
    DocumentGroup(
        "Training", "Sessions, uploads, datasets, training runs, results and forecasts.", segments: ["training"]),
    DocumentGroup(
        "Sandbox and lab",
        "Decisions about spot instances: trial sessions with a live log, experiments with risk models.",
        segments: ["sandbox", "ws", "lab", "evaluate"]),
    DocumentGroup(
        "Marketplace",
        "Venues, service providers, events and bookings, their chats and reviews, and the planner.",
        segments: ["marketplace", "bookings", "events", "chat", "planner", "templates", "integrations"]),
    DocumentGroup(
        "Workflows", "Intents that are planned and run as workflows: their steps, agents, files and audit entries.",
        segments: ["intents", "workflows", "agents", "workflow-schedules", "workflow-approval", "workflow-approvals"]),
    DocumentGroup(
        "Assistant",
        "Conversations with language models, in the forms of OpenAI's and Anthropic's APIs, stored sessions, the "
            + "files of a workspace, tools of servers of the Model Context Protocol, and numbers for analysts.",
        segments: [
            "chat/completions", "messages", "models", "sessions", "projects", "files", "mcp", "analytics",
            "environment",
        ]),
    DocumentGroup(
        "Administration",
        "Audit log, corrections, plans and service keys, for administrators; the state of the parts, for developers.",
        segments: ["admin", "debug", "monitoring"]),
    DocumentGroup("Operations", "Status, readiness, metrics, signing keys and the documentation itself.", segments: []),
]
