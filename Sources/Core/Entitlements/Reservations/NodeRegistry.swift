package import Modules
import Synchronization

/// The nodes that share the database, and which of them this process is.
package final class NodeRegistry: Sendable {
    /// A node that sent no heartbeat for this long is considered dead.
    static let heartbeatTimeout: Duration = .seconds(15)
    /// Rows of nodes are deleted this long after their last heartbeat.
    static let retention: Duration = .days(7)

    private let database: any Database
    private let node = Mutex<Node?>(nil)

    init(database: any Database) { self.database = database }

    /// Nil in a process that does not serve, such as a command: its reservations end with their lease.
    package var current: Node? { node.withLock { $0 } }

    /// Writes the next epoch of a node. The process is that node only after ``activate(_:)``.
    func nextEpoch(of name: String) async throws(Problem) -> Node {
        try await database.write { try $0.insertEpoch(of: name) }
    }

    func activate(_ new: Node) { node.withLock { $0 = new } }

    /// Records that this node is alive.
    /// - Returns: false when another process has started under the same name.
    package func heartbeat() async throws(Problem) -> Bool {
        guard let node = current else { return true }
        return try await database.write { try $0.recordHeartbeat(of: node) }
    }

    /// Deletes nodes that are dead for longer than ``retention`` and own no reservation.
    func prune() async throws(Problem) {
        try await database.write { try $0.pruneNodes(seenBefore: $0.now - Self.retention) }
    }
}
