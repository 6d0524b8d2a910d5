import Identity
import Modules
import Realtime

/// The events by which the web client follows the runs of a session through Socket.IO. The messages of the session's
/// topic arrive as events of their types.
struct TrainingSocketEvents: Sendable {
    let database: any Database
    let subscriptions: SubscriptionService

    var events: [SocketEvent] {
        [
            SocketEvent("join_training_session") { try await join($0, $1) },
            SocketEvent("leave_training_session") { try await leave($0, $1) },
            SocketEvent("request_dataset_status") { data, client in
                try await repeatLast(
                    ["dataset_status_update"], absent: "dataset_status_update", for: data, client)
            },
            SocketEvent("request_training_status") { data, client in
                try await repeatLast(
                    ["training_progress", "training_completed", "training_error"], absent: "training_progress",
                    for: data, client)
            },
        ]
    }

    private func join(_ data: JSONValue, _ client: SocketClient) async throws {
        try await report(data, to: client) { (session: TrainingSession) async throws(Problem) in
            let topic = RunEventService.topic(of: session.id, in: session.organisation)
            try await client.follow(
                topic.name, announcedBy: "training_session_joined", TrainingSessionJoined(sessionId: session.clientID))
        }
    }

    private func leave(_ data: JSONValue, _ client: SocketClient) async throws {
        try await report(data, to: client) { (session: TrainingSession) async throws(Problem) in
            client.unfollow(RunEventService.topic(of: session.id, in: session.organisation).name)
        }
    }

    /// Sends the last message of one of several types again.
    /// - Parameter absent: the event where there is none.
    private func repeatLast(_ types: [String], absent: String, for data: JSONValue, _ client: SocketClient)
        async throws
    {
        try await report(data, to: client) { (session: TrainingSession) async throws(Problem) in
            let topic = RunEventService.topic(of: session.id, in: session.organisation)
            if let last = try await subscriptions.last(of: types, in: topic) { return await client.emit(last) }
            try await client.emit(absent, NoRunStatus(sessionId: session.clientID))
        }
    }

    /// Runs `body` with the session that an event names by its id or by the client's id. What it throws is an event
    /// too.
    private func report(
        _ data: JSONValue, to client: SocketClient, _ body: (TrainingSession) async throws(Problem) -> Void
    ) async throws(Problem) {
        let name = data["session_id"]?.string ?? ""
        do throws(Problem) {
            guard (1...255).contains(name.unicodeScalars.count), !name.hasNUL else {
                throw Problem(.sessionNotFound)
            }
            try await body(try await database.read { try $0.trainingSession(name, in: client.scope) })
        } catch {
            // An unexpected failure ends the connection, and is logged.
            guard error.kind.status < 500 || error.kind == .overloaded else { throw error }
            try await client.emit(
                "training_session_error",
                TrainingSessionRefused(sessionId: String(name.prefix(255)), error: error.detail ?? error.title))
        }
    }
}

/// `training_session_joined`: the events of the session follow.
struct TrainingSessionJoined: Payload {
    let sessionId: String
}

/// `training_session_error`: a session does not exist for the caller, or cannot be followed now.
struct TrainingSessionRefused: Payload {
    let sessionId: String
    let error: String
}

/// `dataset_status_update` and `training_progress` of a session without such a run.
struct NoRunStatus: Payload {
    let sessionId: String
    var status = "not_found"
    var progress: Double = 0
    var progressPercent: Double = 0
}
