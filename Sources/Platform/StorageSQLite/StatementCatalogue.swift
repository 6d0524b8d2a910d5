import Storage
import Synchronization

/// The column names of each statement text in use: rows share them, and the number of prepared statements is bounded.
///
/// GRDB keeps each text prepared on each connection without a bound. Texts come from the program and are few, except
/// for lists (`IN (?1, ?2, …)`), which have any length.
final class StatementCatalogue: Sendable {
    /// Beyond this number of texts all entries and prepared statements are dropped.
    static let textsMax = 1_024

    private let columns = Mutex<[String: Row.Columns]>([:])
    private let release: @Sendable () -> Void

    /// - Parameter release: makes the connections drop their prepared statements eventually.
    init(release: @escaping @Sendable () -> Void) { self.release = release }

    /// The columns of the result of `text`.
    /// - Parameter names: reads them from the statement, when they are not cached or their number has changed.
    func columns(of text: String, count: Int, names: () -> [String]) -> Row.Columns {
        if let cached = columns.withLock({ $0[text] }), cached.names.count == count { return cached }
        let new = Row.Columns(names())
        insert(new, for: text)
        return new
    }

    /// Registers a statement whose result has no columns.
    func register(_ text: String) {
        if columns.withLock({ $0[text] == nil }) { insert(Row.Columns([]), for: text) }
    }

    func removeAll() {
        columns.withLock { $0.removeAll() }
        release()
    }

    private func insert(_ new: Row.Columns, for text: String) {
        let isFull = columns.withLock { columns in
            columns[text] = new
            return columns.count > Self.textsMax
        }
        if isFull { removeAll() }
    }
}
