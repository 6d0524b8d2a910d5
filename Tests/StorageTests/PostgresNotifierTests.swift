import Base
import Storage
import Synchronization
import TestKit
import Testing

/// Messages between two processes: two databases on one place.
@Suite(.enabled(if: Engine.available.contains(.postgres)), .serialized) struct PostgresNotifierTests {
    /// What arrived at a subscription.
    private final class Inbox: Sendable {
        private let received = Mutex<[DatabaseNotification]>([])
        var all: [DatabaseNotification] { received.withLock { $0 } }
        var messages: [String] {
            all.compactMap { if case .message(let text) = $0 { text } else { nil } }
        }
        func add(_ notification: DatabaseNotification) { received.withLock { $0.append(notification) } }

        /// Returns once `count` messages have arrived.
        func waitForMessages(_ count: Int) async throws {
            #expect(try await eventually { messages.count >= count })
        }
    }

    private func withTwoDatabases(_ body: (any Database, any Database) async throws -> Void) async throws {
        try await withDatabasePlace(.postgres) { place in
            let one = try place.open(), other = try place.open()
            try await attempt {
                try await createTables(in: one)
                try await body(one, other)
            } finally: {
                await one.close()
                await other.close()
            }
        }
    }

    /// Subscribes, and returns once messages to and from `database` arrive.
    private func subscribe(_ inbox: Inbox, to database: any Database) async throws -> DatabaseSubscription {
        let subscription = database.subscribe { inbox.add($0) }
        #expect(try await eventually { database.gauges["postgres_listening"] == 1 })
        return subscription
    }

    private func sent(_ database: any Database) -> Double? { database.gauges["postgres_notifications_sent_total"] }

    @Test(.timeLimit(.minutes(1)))
    func `the messages of a commit arrive in one notification at the other process`() async throws {
        try await withTwoDatabases { one, other in
            let inbox = Inbox(), own = Inbox()
            _ = try await subscribe(inbox, to: other)
            _ = try await subscribe(own, to: one)
            let before = try #require(sent(one))
            try await one.write { transaction in
                for text in ["a", "b", "a"] { transaction.notifyOtherProcesses(text) }
            }
            try await inbox.waitForMessages(2)
            #expect(inbox.messages == ["a", "b"])
            #expect(own.messages == [])
            #expect(sent(one) == before + 1)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `rolled back transactions and reads send no message`() async throws {
        try await withTwoDatabases { one, other in
            let inbox = Inbox()
            _ = try await subscribe(inbox, to: other)
            _ = try await subscribe(Inbox(), to: one)
            await #expect(throws: Problem.self) {
                try await one.write { transaction in
                    transaction.notifyOtherProcesses("rolled back")
                    throw Problem(.conflict)
                }
            }
            try await one.read { $0.notifyOtherProcesses("read") }
            try await one.write { $0.notifyOtherProcesses("committed") }
            try await inbox.waitForMessages(1)
            #expect(inbox.messages == ["committed"])
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `a process sends nothing without peers, and again when a peer starts`() async throws {
        try await withTwoDatabases { one, other in
            _ = try await subscribe(Inbox(), to: one)
            try await one.write { $0.notifyOtherProcesses("unheard") }
            #expect(sent(one) == 0)
            let inbox = Inbox()
            _ = try await subscribe(inbox, to: other)
            // The peer's own first notification may still be on its way.
            let isReceived = try await eventually {
                try await one.write { $0.notifyOtherProcesses("received") }
                return !inbox.messages.isEmpty
            }
            #expect(isReceived)
            #expect(Set(inbox.messages) == ["received"])
            // A process without a subscription sends nothing and has no session for it.
            await one.close()
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `a process without a subscription sends nothing`() async throws {
        try await withTwoDatabases { one, other in
            let inbox = Inbox()
            _ = try await subscribe(inbox, to: other)
            try await one.write { $0.notifyOtherProcesses("dropped") }
            #expect(sent(one) == 0)
            #expect(one.gauges["postgres_listening"] == 0)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `a terminated listener connects again and reports missed messages`() async throws {
        try await withTwoDatabases { one, other in
            let inbox = Inbox()
            _ = try await subscribe(inbox, to: other)
            _ = try await subscribe(Inbox(), to: one)
            #expect(inbox.all == [.missed])
            try await one.write {
                try $0.execute(
                    """
                    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE application_name = 'gatehouse-listener' AND datname = current_database()
                    """)
            }
            #expect(try await eventually { inbox.all.count >= 2 })
            #expect(inbox.all.allSatisfy { $0 == .missed })
            let isReceived = try await eventually {
                try await one.write { $0.notifyOtherProcesses("received") }
                return !inbox.messages.isEmpty
            }
            #expect(isReceived)
            #expect(Set(inbox.messages) == ["received"])
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `messages beyond the payload's bound are reported as missed`() async throws {
        try await withTwoDatabases { one, other in
            let inbox = Inbox()
            _ = try await subscribe(inbox, to: other)
            _ = try await subscribe(Inbox(), to: one)
            try await one.write { transaction in
                for number in 0..<500 { transaction.notifyOtherProcesses("a message with the number \(number)") }
            }
            #expect(try await eventually { inbox.all.count >= 2 })
            #expect(inbox.all == [.missed, .missed])
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `a cancelled subscription receives nothing, and the database closes with a subscription`() async throws {
        try await withTwoDatabases { one, other in
            let cancelled = Inbox(), inbox = Inbox()
            let subscription = try await subscribe(cancelled, to: other)
            _ = try await subscribe(inbox, to: other)
            _ = try await subscribe(Inbox(), to: one)
            subscription.cancel()
            try await one.write { $0.notifyOtherProcesses("a") }
            try await inbox.waitForMessages(1)
            #expect(cancelled.messages == [])
            await other.close()
            #expect(other.gauges["postgres_listening"] == 0)
        }
    }
}
