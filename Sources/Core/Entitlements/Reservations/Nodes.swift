package import Modules
import Synchronization

/// One life of a process among those that share the database.
package struct Node: Sendable, Hashable {
    /// As the installation calls it; the same from one life to the next.
    package let name: String
    /// Counted from 1 with every life.
    package let epoch: Int64
}

/// Which node this process is, once it has said so.
package final class NodeRegistry: Sendable {
    private let node = Mutex<Node?>(nil)

    package init() {}

    /// Nil in a process that serves nobody, such as a command: what it reserves waits for its lease.
    package var current: Node? { node.withLock { $0 } }
    fileprivate func become(_ new: Node) { node.withLock { $0 = new } }
}

extension EntitlementsModule {
    /// Begins another life of a node, before it serves anybody: from now on reservations that die with their process are known to be its. What
    /// its earlier lives left behind is resolved at once, by what was agreed for each; reservations whose work outlives its process stay.
    /// - Parameter name: no other living process may have it.
    /// - Returns: how many were left behind.
    @discardableResult
    package func begin(as name: String) async throws(Problem) -> Int {
        let node = try await database.write { try $0.beginLife(of: name) }
        let orphans = try await recover(orphansOf: node)
        self.node.become(node)
        return orphans
    }

    /// Says that this node is alive.
    /// - Returns: false when another process has begun a life under the same name.
    func beat() async throws(Problem) -> Bool {
        guard let node = node.current else { return true }
        return try await database.write { try $0.beat(node) }
    }
}

extension Transaction {
    /// How long a node counts as alive that is not heard of.
    static let nodeSilence: Duration = .seconds(15)

    fileprivate func beginLife(of name: String) throws -> Node {
        let epoch: Int64? = try first(
            """
            INSERT INTO nodes (name, epoch, begun_at, seen_at) VALUES (\(name), 1, \(now), \(now))
            ON CONFLICT (name) DO UPDATE SET epoch = nodes.epoch + 1, begun_at = excluded.begun_at, seen_at = excluded.seen_at
            RETURNING epoch
            """
        ) { try $0["epoch"] }
        guard let epoch else { preconditionFailure("an upsert returns its row") }
        return Node(name: name, epoch: epoch)
    }

    fileprivate func beat(_ node: Node) throws -> Bool {
        try execute("UPDATE nodes SET seen_at = \(now) WHERE name = \(node.name) AND epoch = \(node.epoch)") == 1
    }

    func countLivingNodes() throws -> Int64 {
        try count("SELECT COUNT(*) AS count FROM nodes WHERE seen_at > \(now - Self.nodeSilence)")
    }

    /// Forgets nodes that nothing reminds of any more.
    func forgetNodes() throws {
        try execute(
            """
            DELETE FROM nodes WHERE seen_at < \(now - .days(7))
                AND NOT EXISTS (SELECT 1 FROM reservations WHERE state = 'held' AND life = 'process' AND node = nodes.name)
            """
        )
    }
}
