/// The subject of an `ID<QueuedJob>`: one row of the queue.
package struct QueuedJob: Sendable {}
