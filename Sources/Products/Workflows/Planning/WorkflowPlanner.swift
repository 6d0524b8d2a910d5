import Foundation
import GoalGraphs
import Modules

/// Makes the graph of an intent.
protocol WorkflowPlanner: Sendable {
    var kind: PlannerKind { get }
    /// What a plan may cost, which is reserved before it is made.
    func costMax(of request: PlanRequest) throws -> MicroDollars
    /// - Throws: ``PlanningFailure``; ``ModelCallsExceeded``; other errors are those of the service, and the job is run
    ///   again.
    func plan(_ request: PlanRequest, for workflow: Workflow) async throws -> WorkflowPlan
}

/// The graph of an intent, and what its planner has asked of models.
struct WorkflowPlan: Sendable {
    let graph: GoalGraph
    var models: ModelUse?
}

/// An intent to plan.
struct PlanRequest: Sendable {
    let intent: String
    /// What the client has sent beside it.
    let context: [String: JSONValue]
    let limits: GoalGraphLimits

    /// The member of the context that has texts by paths.
    static let filesMember = "files"
    private static let timeZoneMember = "time_zone"
    /// The level of all plans.
    static let trust = TrustLevel.standard

    /// - Parameter context: as JSON.
    init(intent: String, context: String, budget: MicroDollars) {
        self.intent = intent
        // Any JSON of the client, on which a decoder takes many times as long as the parser.
        self.context = (try? JSONValue(parsing: context.utf8))?.object ?? [:]
        limits = GoalGraphLimits(budget: budget, secondsMax: Workflow.timeMax.inSeconds, trust: Self.trust)
    }

    /// The zone of the times in the intent: the member `time_zone` of the context, or else UTC.
    var timeZone: String {
        guard let name = context[Self.timeZoneMember]?.string, TimeZone(identifier: name) != nil else { return "UTC" }
        return name
    }

    /// What is wrong with the members of a context that have a meaning; others are anything.
    static func faults(inContext context: [String: JSONValue]) -> [Problem.Fault] {
        var faults: [Problem.Fault] = []
        if let zone = context[timeZoneMember], zone != .null {
            if zone.string.flatMap({ TimeZone(identifier: $0) }) == nil {
                faults.append(
                    Problem.Fault("/context/\(timeZoneMember)", "is no name of a time zone, such as Europe/Berlin"))
            }
        }
        guard let files = context[filesMember], files != .null else { return faults }
        guard let texts = files.object else {
            return faults + [Problem.Fault("/context/\(filesMember)", "is not an object of texts by their paths")]
        }
        guard Int64(texts.count) <= WorkflowFile.folderFilesMax else {
            return faults + [
                Problem.Fault("/context/\(filesMember)", "has more than \(WorkflowFile.folderFilesMax) files")
            ]
        }
        for (path, text) in texts.sorted(by: { $0.key < $1.key }) {
            let pointer = "/context/\(filesMember)" + Problem.Fault.step(String(path.prefix(WorkflowPath.bytesMax)))
            do throws(StepFailure) { _ = try WorkflowPath(path) } catch {
                faults.append(Problem.Fault(pointer, "is not the path of a file: \(error.text)"))
            }
            if text.string == nil { faults.append(Problem.Fault(pointer, "is not a text")) }
        }
        return faults
    }
}

/// Why there is no plan.
struct PlanningFailure: Error, Sendable {
    enum Kind: Sendable {
        /// The planner does not understand the intent; another one may.
        case notUnderstood
        /// What it has planned is not valid.
        case refused
        /// It cannot be reached.
        case unavailable
        /// The budget does not allow to ask it.
        case overBudget
    }

    let kind: Kind
    /// Sentences for the user.
    let text: String
    /// What was asked of models.
    var models: ModelUse?
    /// How long the service of a model asks to wait.
    var retryAfter: Duration?

    init(_ kind: Kind, _ text: String, models: ModelUse? = nil, retryAfter: Duration? = nil) {
        self.kind = kind
        self.text = text
        self.models = models
        self.retryAfter = retryAfter
    }
}
