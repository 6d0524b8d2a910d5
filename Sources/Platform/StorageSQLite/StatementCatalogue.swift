import Synchronization

/// The statement texts in use: the number of prepared statements is bounded.
///
/// GRDB keeps each text prepared on each connection without a bound. Texts come from the program and are few, except
/// for lists (`IN (?1, ?2, …)`), which have any length.
final class StatementCatalogue: Sendable {
    /// Beyond this number of texts all entries and prepared statements are dropped.
    static let textsMax = 1_024

    private let texts = Mutex<Set<String>>([])
    private let release: @Sendable () -> Void

    /// - Parameter release: makes the connections drop their prepared statements eventually.
    init(release: @escaping @Sendable () -> Void) { self.release = release }

    /// Registers a statement that a connection runs for the first time.
    func register(_ text: String) {
        let isFull = texts.withLock { texts in
            texts.insert(text)
            return texts.count > Self.textsMax
        }
        if isFull { removeAll() }
    }

    func removeAll() {
        texts.withLock { $0.removeAll() }
        release()
    }
}
