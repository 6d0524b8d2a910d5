import GoalGraphs
import Identity
import Modules
import Realtime

/// The body of `POST /v1/intents`.
struct SubmitIntent: Payload {
    /// What is to be done, in a sentence.
    var intent: String
    /// What the sentence is about. The texts of its member `files`, by their paths, are put into the workflow's folder.
    var context: [String: JSONValue]?
    /// `normal` by default.
    var priority: WorkflowPriority?
    /// The most that the workflow may cost, in US dollars; that of the installation by default.
    var budget: DecimalNumber?
    /// A plan of the client's own, in place of one that is made of the intent.
    var goalGraph: JSONValue?

    static let rules: [String: Rule] = ["intent": .length(1...intentMax)]

    /// In Unicode scalars.
    static let intentMax = 10_000
    /// Of the encoded context, and of an encoded graph, in bytes.
    static let contextBytesMax = 256 << 10
}

/// The response to an accepted intent.
struct IntentAccepted: Payload {
    var workflowId: ID<Workflow>
    var status: Workflow.State
    /// In US dollars.
    var estimatedCost: DecimalNumber
    /// In seconds.
    var estimatedTime: DecimalNumber
    var message: String
    /// The topic of the workflow's events: `GET /v1/realtime/topics/{topic}`.
    var topic: String

    init(_ workflow: Workflow) {
        workflowId = workflow.id
        status = .pending
        estimatedCost = workflow.estimatedCost.dollars
        estimatedTime = WorkflowNumbers.seconds(workflow.estimatedSeconds)
        message = "Intent submitted successfully."
        if let left = workflow.creditsLeft { message += " Trial credits remaining: \(left)" }
        topic = WorkflowTrail.topic(of: workflow.id, in: workflow.organisation).name.text
    }
}
