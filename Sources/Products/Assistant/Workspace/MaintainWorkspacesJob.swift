import Modules

/// Counts workspaces anew, and removes what killed processes have left.
struct MaintainWorkspacesJob: Job {
    static let name = "assistant.maintain-workspaces"

    static let schedule = Schedule(id: name, .every(.minutes(10))) { _, queue, transaction in
        try queue.enqueue(MaintainWorkspacesJob(), JobOptions(uniqueKey: name), in: transaction)
    }

    static func worker(_ workspaces: WorkspaceService) -> Worker {
        Worker(MaintainWorkspacesJob.self) { _, context in
            try await workspaces.maintain(context)
            return .done
        }
    }
}
