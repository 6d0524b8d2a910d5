/// What arrives from the other processes on the same database.
package enum DatabaseNotification: Sendable, Equatable {
    /// A text that another process passed to ``Transaction/notifyOtherProcesses(_:)`` and committed.
    case message(String)
    /// Messages may have been lost: there were too many for one notification, or the connection was interrupted.
    case missed
}

/// The registration of a handler of ``DatabaseNotification``s. It ends with ``cancel()`` or with the database's
/// `close()`.
package struct DatabaseSubscription: Sendable {
    private let onCancel: @Sendable () -> Void

    package init(onCancel: @escaping @Sendable () -> Void = {}) { self.onCancel = onCancel }

    package func cancel() { onCancel() }
}
