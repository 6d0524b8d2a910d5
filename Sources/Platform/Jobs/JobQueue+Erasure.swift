import Base
package import Storage

extension JobQueue {
    /// Requests the cancellation of an organisation's running jobs.
    /// - Returns: the number of jobs that still run.
    package func stopRunning(of organisations: [String], in transaction: Transaction) throws -> Int {
        try transaction.requestStop(ofOrganisations: organisations)
    }

    /// Deletes an organisation's jobs, in every state, and every other job whose payload contains one of `ids`. A
    /// worker that runs one of them loses its lease, and the effects of its work are discarded.
    package func delete(organisations: [String], naming ids: [String], in transaction: Transaction) throws {
        for id in try transaction.deleteJobs(ofOrganisations: organisations, naming: ids) {
            notifier.signalEnd(of: id, in: transaction)
        }
    }
}

extension Transaction {
    fileprivate func requestStop(ofOrganisations organisations: [String]) throws -> Int {
        try execute(
            """
            UPDATE jobs SET cancel_requested_at = COALESCE(cancel_requested_at, \(now))
            WHERE state = 'leased' AND organisation IN \(list: organisations)
            """
        )
    }

    /// Scans all payloads: the queue is pruned and erasures are rare, so an index would cost more than it saves.
    /// - Returns: the ids of the deleted jobs.
    fileprivate func deleteJobs(ofOrganisations organisations: [String], naming ids: [String]) throws
        -> [ID<QueuedJob>]
    {
        var deleted: [ID<QueuedJob>] = try all(
            "DELETE FROM jobs WHERE organisation IN \(list: organisations) RETURNING id"
        ) { try $0["id"] }
        for id in ids {
            deleted += try all("DELETE FROM jobs WHERE payload LIKE \("%\(id)%") RETURNING id") { try $0["id"] }
        }
        return deleted
    }
}
