import Base
import CPostgres
import Glibc
import Storage
import Synchronization

/// One statement's exchange with the server, by libpq's non-blocking calls, with a deadline of this process.
///
/// The server's own `statement_timeout` ends a slow statement. It ends nothing when the server is stopped, or when the
/// network drops its packets while the connection stays open.
struct PostgresExchange {
    /// How much longer than the server's timeout a result is waited for, so that the server's error arrives first.
    static let margin = Duration.seconds(2)
    /// How often a wait looks whether the database is closing.
    private static let look = Duration.milliseconds(250)
    static let deadlineCode = "deadline"

    let connection: OpaquePointer
    let interruption: PostgresInterruption
    /// Nil for migrations, which have no bound.
    let limit: Duration?

    /// Waits for the result of the statement that `send` has queued.
    /// - Parameter send: a call of libpq that returns 1 when the statement is queued.
    /// - Returns: the last result, as of `PQexec`; nil when the connection is lost.
    /// - Throws: `connectionLost` with the code ``deadlineCode``, after which the connection cannot be used.
    func result(of send: () -> Int32) throws(StorageError) -> OpaquePointer? {
        guard send() == 1 else { return nil }
        let deadline = limit.map { ContinuousClock.now + $0 + Self.margin }
        try flush(until: deadline)
        var last: OpaquePointer?
        do throws(StorageError) {
            while true {
                while PQisBusy(connection) == 1 {
                    try wait(for: POLLIN, until: deadline)
                    guard PQconsumeInput(connection) == 1 else { break }
                }
                guard let next = PQgetResult(connection) else { return last }
                if let last { PQclear(last) }
                last = next
            }
        } catch {
            if let last { PQclear(last) }
            throw error
        }
    }

    private func flush(until deadline: ContinuousClock.Instant?) throws(StorageError) {
        while PQflush(connection) == 1 {
            // A server that sends meanwhile would otherwise wait for this process to read.
            try wait(for: POLLIN | POLLOUT, until: deadline)
            guard PQconsumeInput(connection) == 1 else { return }
        }
    }

    private func wait(for events: Int32, until deadline: ContinuousClock.Instant?) throws(StorageError) {
        while true {
            if interruption.hasBegun { throw cut("the database is closing") }
            let left = deadline.map { $0 - .now } ?? Self.look
            guard left > .zero else { throw cut("no result within \((limit ?? .zero) + Self.margin)") }
            guard PQsocket(connection) >= 0 else { return }
            var socket = pollfd(fd: PQsocket(connection), events: Int16(events), revents: 0)
            if poll(&socket, 1, Int32(min(left, Self.look).microseconds / 1_000) + 1) > 0 { return }
        }
    }

    /// Ends the connection: the rest of the result could arrive at any time.
    private func cut(_ reason: String) -> StorageError {
        shutdown(PQsocket(connection), Int32(SHUT_RDWR))
        // libpq finds the end of the stream, and marks the connection as bad.
        for _ in 0..<8 where PQconsumeInput(connection) == 0 { break }
        return StorageError(.connectionLost, code: Self.deadlineCode, message: reason)
    }
}

/// Ends the waits of every session of a database that closes.
final class PostgresInterruption: Sendable {
    private let begun = Atomic(false)

    var hasBegun: Bool { begun.load(ordering: .acquiring) }
    func begin() { begun.store(true, ordering: .releasing) }
}
