import Storage
import Synchronization

/// Every statement text in use, with the columns it answers with: rows share their columns, and prepared statements have a bound.
///
/// GRDB keeps each text prepared, on each connection, for ever. Texts come from the program and are few, save for lists
/// (`IN (?1, ?2, …)`), which come in every length.
final class StatementCatalogue: Sendable {
    /// When more texts than this are known, everything is forgotten and begins anew.
    static let textsMax = 1_024

    private let columns = Mutex<[String: Row.Columns]>([:])
    private let release: @Sendable () -> Void

    /// - Parameter release: makes the connections drop their prepared statements, soon.
    init(release: @escaping @Sendable () -> Void) { self.release = release }

    /// The columns that `text` answers with; `names` tells them when they are not known, or have become more or fewer.
    func columns(of text: String, count: Int, names: () -> [String]) -> Row.Columns {
        if let known = columns.withLock({ $0[text] }), known.names.count == count { return known }
        let new = Row.Columns(names())
        keep(new, for: text)
        return new
    }

    /// Takes note of a statement that answers with no columns.
    func admit(_ text: String) {
        if columns.withLock({ $0[text] == nil }) { keep(Row.Columns([]), for: text) }
    }

    func forget() {
        columns.withLock { $0.removeAll() }
        release()
    }

    private func keep(_ new: Row.Columns, for text: String) {
        let isFull = columns.withLock { columns in
            columns[text] = new
            return columns.count > Self.textsMax
        }
        if isFull { forget() }
    }
}
