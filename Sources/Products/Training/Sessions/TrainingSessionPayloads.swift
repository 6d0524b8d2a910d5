import Forecasting
import Modules

/// The length of a session id chosen by the client.
private let clientIDLength: Rule = .length(1...128)

struct InitSession: Payload {
    var sessionId: String
    var timeInfo: TimeInfo?
    var zeitschritte: StepSettings?

    static let naming = Naming.asDeclared
    static let rules: [String: Rule] = ["sessionId": clientIDLength]
}

struct CreateSession: Payload {
    var sessionId: String
    var sessionName: String?

    static let naming = Naming.asDeclared
    static let rules: [String: Rule] = ["sessionId": clientIDLength, "sessionName": .length(1...255)]
}

struct RenameSession: Payload {
    var sessionId: String
    var sessionName: String

    static let naming = Naming.asDeclared
    static let rules: [String: Rule] = ["sessionId": clientIDLength, "sessionName": .length(1...255)]
}

struct NamedSession: Payload {
    var sessionId: String

    static let naming = Naming.asDeclared
    static let rules: [String: Rule] = ["sessionId": clientIDLength]
}

struct SaveTimeInfo: Payload {
    var sessionId: String
    var timeInfo: TimeInfo

    static let naming = Naming.asDeclared
    static let rules: [String: Rule] = ["sessionId": clientIDLength]
}

struct SaveSteps: Payload {
    var sessionId: String
    var zeitschritte: StepSettings

    static let naming = Naming.asDeclared
    static let rules: [String: Rule] = ["sessionId": clientIDLength]
}

struct DeleteAllSessions: Payload {
    var confirmDeleteAll: Bool
}

struct Success: Payload {
    var success = true
    var message: String
}

struct SessionOpened: Payload {
    var success: Bool
    var sessionId: String
    var sessionUuid: ID<TrainingSession>
    var message: String

    static let naming = Naming.asDeclared
}

struct SessionIdentity: Payload {
    var sessionUuid: ID<TrainingSession>

    static let naming = Naming.asDeclared
}

struct SessionView: Payload {
    var sessionId: String
    var sessionUuid: ID<TrainingSession>
    var sessionName: String?
    var workflowPhase: TrainingSession.Phase
    var finalized: Bool
    var fileCount: Int
    var nDat: Int64
    var createdAt: Instant
    var updatedAt: Instant

    init(_ session: TrainingSession, files: Int) {
        sessionId = session.clientID
        sessionUuid = session.id
        sessionName = session.name
        workflowPhase = session.phase
        finalized = session.isFinalized
        fileCount = files
        nDat = session.datasetCount ?? 0
        createdAt = session.createdAt
        updatedAt = session.updatedAt
    }
}

struct SessionList: Payload {
    var sessions: [SessionView]
    var totalCount: Int64

    var listTotal: Int64? { totalCount }
}

/// A session with its settings and files; its clients expect camel case.
struct WholeSession: Payload {
    var sessionId: String
    var sessionUuid: ID<TrainingSession>
    var sessionName: String?
    var workflowPhase: TrainingSession.Phase
    var finalized: Bool
    var timeInfo: TimeInfo?
    var zeitschritte: StepSettings?
    var nDat: Int64
    var files: [SeriesFileView]

    static let naming = Naming.asDeclared

    init(_ session: TrainingSession, files: [SeriesFile]) {
        sessionId = session.clientID
        sessionUuid = session.id
        sessionName = session.name
        workflowPhase = session.phase
        finalized = session.isFinalized
        timeInfo = session.timeInfo
        zeitschritte = session.steps
        nDat = session.datasetCount ?? 0
        self.files = files.map(SeriesFileView.init)
    }
}

struct SessionFinalized: Payload {
    var success: Bool
    var message: String
    var nDat: Int64
    var fileCount: Int
}

struct DeletionSummary: Payload {
    var sessions: Int
    var files: Int
    var bytes: Int64
}

struct SessionDeleted: Payload {
    var success: Bool
    var message: String
    var summary: DeletionSummary
}

struct SessionsDeleted: Payload {
    var success: Bool
    var summary: DeletionSummary
    /// The client ids of the deleted sessions.
    var details: [String]
}
