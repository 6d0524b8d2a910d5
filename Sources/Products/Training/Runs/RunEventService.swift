import Forecasting
import Identity
import Modules
import Realtime

/// Appends what happens to a run to the topic of its session.
final class RunEventService: Sendable {
    let database: any Database
    let topics: TopicService

    /// The name of the family of topics; the subject is the id of a session.
    static let family = "training"

    init(database: any Database, topics: TopicService) {
        self.database = database
        self.topics = topics
    }

    /// The topics of sessions, which the members of their organisation may read.
    static let topicFamily = TopicFamily(family, retention: TopicRetention(count: 4_000, age: .days(7))) {
        name, scope, transaction in
        try transaction.trainingSession(ID(trusted: name.subject), of: scope.organisation) != nil
    }

    static func topic(of session: ID<TrainingSession>, in organisation: ID<Organisation>) -> Topic {
        Topic(TopicName(family: family, session), of: organisation)
    }

    /// A run is accepted.
    func queued(
        _ run: ID<Run>, _ kind: Run.Kind, of session: TrainingSession, model: Model?, in transaction: Transaction
    )
        throws
    {
        let message =
            switch kind {
            case .datasets: try datasets(run, session.clientID, 0, "queued", .queued)
            case .training: try training(run, session.clientID, .starting, 0, "queued", model)
            }
        try append([message], session.id, session.organisation, in: transaction)
    }

    /// A worker has begun a run.
    func started(_ run: Run, of session: TrainingSession, model: Model?, in transaction: Transaction) throws {
        let message =
            switch run.kind {
            case .datasets: try datasets(run.id, session.clientID, 5, "start", .processing)
            case .training: try training(run.id, session.clientID, .started, 5, "start", model)
            }
        try append([message], session.id, session.organisation, in: transaction)
    }

    /// A run has succeeded in this transaction.
    func succeeded(_ run: Run, of session: String, model: Model?, in transaction: Transaction) throws {
        var messages: [NewMessage] = []
        switch run.kind {
        case .datasets: messages.append(try datasets(run.id, session, 100, "complete", .completed))
        case .training:
            messages.append(try training(run.id, session, .completed, 100, "complete", model))
            messages.append(
                try NewMessage(
                    "training_completed",
                    TrainingCompleted(sessionId: session, runId: run.id, success: true, message: "The model is trained")
                ))
        }
        try append(messages, run.session, run.organisation, in: transaction)
    }

    /// A run has ended without a result in this transaction.
    /// - Parameter reason: nil for a cancelled run.
    func failed(_ run: Run, of session: String, reason: String?, in transaction: Transaction) throws {
        let message =
            switch run.kind {
            case .datasets:
                try datasets(run.id, session, 0, "end", reason == nil ? .cancelled : .failed, message: reason)
            case .training:
                try NewMessage(
                    "training_error",
                    TrainingFailed(
                        sessionId: session, runId: run.id, status: reason == nil ? .cancelled : .failed,
                        error: reason ?? "The run was cancelled."))
            }
        try append([message], run.session, run.organisation, in: transaction)
    }

    /// A session is deleted in this transaction.
    func removed(_ session: TrainingSession, in transaction: Transaction) throws {
        try topics.remove(Self.topic(of: session.id, in: session.organisation), in: transaction)
    }

    /// Appends the progress of a run in a transaction of its own. A failure is logged: the run goes on.
    /// - Parameter epochs: those that have ended since the last call.
    func progressed(
        _ run: Run, of session: String, model: Model?, _ progress: RunProgress, epochs: [EpochReport], logger: Logger
    ) async {
        do {
            var messages = try epochs.map {
                try NewMessage("training_metrics", TrainingMetrics($0, of: run.id, session: session))
            }
            switch run.kind {
            case .datasets:
                messages.append(
                    try datasets(
                        run.id, session, progress.percent, progress.phase, .processing, message: progress.message))
            case .training:
                messages.append(
                    try training(
                        run.id, session, progress.trainingStatus, progress.percent, progress.phase, model,
                        message: progress.message))
            }
            let all = messages
            try await database.write { [self] transaction in
                // A worker whose lease was lost may report a run that has ended.
                guard try transaction.run(run.id, of: run.organisation)?.state == .running else { return }
                try append(all, run.session, run.organisation, in: transaction)
            }
        } catch {
            logger.warning("progress was not published", metadata: ["cause": "\(error)"])
        }
    }

    /// What a training run trains.
    struct Model: Sendable {
        let name: String
        let epochs: Int

        init(_ parameters: ForecastParameters) {
            name = parameters.mode.rawValue
            epochs = parameters.epochs
        }
    }

    private func datasets(
        _ run: ID<Run>, _ session: String, _ progress: Double, _ step: String, _ status: DatasetStatusUpdate.Status,
        message: String? = nil
    ) throws -> NewMessage {
        try NewMessage(
            "dataset_status_update",
            DatasetStatusUpdate(
                sessionId: session, runId: run, progress: progress, step: step, status: status, message: message))
    }

    private func training(
        _ run: ID<Run>, _ session: String, _ status: TrainingProgress.Status, _ percent: Double, _ phase: String,
        _ model: Model?, message: String? = nil
    ) throws -> NewMessage {
        try NewMessage(
            "training_progress",
            TrainingProgress(
                sessionId: session, runId: run, status: status, progressPercent: percent, message: message,
                phase: phase, modelName: model?.name ?? "", totalEpochs: model?.epochs ?? 0))
    }

    private func append(
        _ messages: [NewMessage], _ session: ID<TrainingSession>, _ organisation: ID<Organisation>,
        in transaction: Transaction
    ) throws {
        try topics.append([(Self.topic(of: session, in: organisation), messages)], in: transaction)
    }
}

extension RunProgress {
    /// The status in the terms of the web client.
    fileprivate var trainingStatus: TrainingProgress.Status {
        switch phase {
        case "evaluation": .modelCompleted
        case "plots", "saving": .post
        default: .processing
        }
    }
}
