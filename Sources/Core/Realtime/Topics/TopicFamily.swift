package import Identity
package import Modules

/// The topics of one kind: who may read them, and how long their messages are kept.
package struct TopicFamily: Sendable {
    /// The first word of the names of its topics: lower-case letters, digits and `-`.
    package let name: String
    package let retention: TopicRetention
    /// The scope that an API key needs beside `realtime.read`; nil for none.
    let keyScope: KeyScope?
    /// Whether a topic exists for a caller, also before its first message. A topic belongs to the scope's organisation.
    /// It is asked again while a subscription lasts, so it asks the database for what may change, such as a role.
    let mayRead: @Sendable (TopicName, Scope, Transaction) throws -> Bool

    package init(
        _ name: String, retention: TopicRetention = TopicRetention(), keyScope: KeyScope? = nil,
        mayRead: @escaping @Sendable (TopicName, Scope, Transaction) throws -> Bool
    ) {
        precondition(Self.isName(name), "'\(name)' is not the name of a family of topics")
        self.name = name
        self.retention = retention
        self.keyScope = keyScope
        self.mayRead = mayRead
    }

    /// - Throws: `insufficient-scope` for an API key without the scope of the family.
    func requireKeyScope(of scope: Scope) throws(Problem) {
        guard let keyScope, case .key(_, let scopes) = scope.credential, !scopes.contains(keyScope) else { return }
        throw Problem(
            .insufficientScope, detail: "The key lacks the scope \(keyScope.name).",
            members: ["scope": .string(keyScope.name)])
    }

    static func isName(_ text: some StringProtocol) -> Bool {
        (1...32).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }
}

/// How many messages of a topic are kept, and for how long.
package struct TopicRetention: Sendable {
    package let count: Int64
    package let age: Duration

    /// - Parameters:
    ///   - count: at least 1. Messages beyond it are deleted by the appends that follow, an eighth of it at a time.
    ///   - age: a schedule deletes older messages every five minutes.
    package init(count: Int64 = 1_000, age: Duration = .days(1)) {
        precondition(count > 0, "a topic keeps at least one message")
        self.count = count
        self.age = age
    }

    /// The sequence number up to which messages are deleted when the last one becomes `head`.
    /// - Parameter previous: the last one before.
    /// - Returns: nil where nothing is deleted now.
    func deletedUpTo(head: Int64, previous: Int64) -> Int64? {
        let step = max(1, count / 8)
        guard head > count, head / step > previous / step else { return nil }
        return head - count
    }
}
