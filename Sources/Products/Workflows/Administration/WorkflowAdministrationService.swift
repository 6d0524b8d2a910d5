import Identity
import Modules

/// Reads workflows of all organisations, for administrators.
final class WorkflowAdministrationService: Sendable {
    private let database: any Database

    init(database: any Database) { self.database = database }

    /// Submitted workflows, the newest first.
    /// - Parameters:
    ///   - state: nil for all states; `person`: nil for all people.
    ///   - before: lists older workflows than this one.
    func list(_ state: Workflow.State?, of person: ID<Person>?, before: ID<Workflow>?, limit: Int)
        async throws(Problem) -> AdministeredWorkflowList
    {
        // One more tells whether there is a further page.
        let found = try await database.read {
            try $0.workflows(state: state, of: person, before: before, limit: limit + 1)
        }
        let page = found.prefix(limit)
        return AdministeredWorkflowList(
            workflows: page.map { AdministeredWorkflow($0) }, nextBefore: found.count > limit ? page.last?.id : nil)
    }
}
