import Base
package import Storage

extension JobQueue {
    /// Tells the workers of an organisation's jobs to stop.
    /// - Returns: how many jobs run still.
    package func stopRunning(of organisations: [String], in transaction: Transaction) throws -> Int {
        try transaction.requestStop(ofOrganisations: organisations)
    }

    /// Deletes an organisation's jobs, whatever state they are in, and every other job whose payload names one of `ids`. A worker that still has one of
    /// them loses it, and with it the effects of its work.
    package func forget(organisations: [String], naming ids: [String], in transaction: Transaction) throws {
        try transaction.deleteJobs(ofOrganisations: organisations, naming: ids)
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

    /// Looks through the payloads one by one: the queue is pruned and this is rare, so that an index would cost more than it saves.
    fileprivate func deleteJobs(ofOrganisations organisations: [String], naming ids: [String]) throws {
        try execute("DELETE FROM jobs WHERE organisation IN \(list: organisations)")
        for id in ids { try execute("DELETE FROM jobs WHERE payload LIKE \("%\(id)%")") }
    }
}
