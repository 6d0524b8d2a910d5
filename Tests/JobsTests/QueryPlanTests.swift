import Base
import Storage
import TestKit
import Testing

@testable import Jobs

/// The statements of the runner must not scan the whole table.
@Suite struct QueryPlanTests {
    @Test func `every statement of the queue uses an index`() async throws {
        try await withJobFixture(.sqlite) { fixture in
            let plans = try await fixture.database.write { transaction in
                let recorder = RecordingEngine(transaction.engine)
                let recorded = Transaction(engine: recorder, now: transaction.now)
                let id = try fixture.queue.enqueue(Note(text: "n"), JobOptions(uniqueKey: "k"), in: recorded)
                _ = try recorded.dueClaims(among: [.system([Note.name], 1)])
                _ = try recorded.nextDueTime(of: [Note.name])
                _ = try recorded.nextTick(of: ["test"])
                try recorded.promoteJobs(atMost: 10)
                let claimed = try recorded.claimJobs(.system([Note.name, Other.name], 2), lease: .seconds(30))
                _ = try recorded.cancelledLeases(among: claimed.map(\.leaseToken))
                _ = try recorded.renewLeases(of: claimed.map(\.leaseToken), lease: .seconds(30))
                _ = try recorded.expiredJobs(of: [Note.name], atMost: 10)
                for job in claimed { _ = try recorded.move(job.leaseToken) { try $0.complete(at: transaction.now) } }
                _ = try recorded.jobStatus(id)
                _ = try recorded.cancelJob(id)
                _ = try recorded.stopJobs([id])
                _ = try recorded.jobCounts()
                _ = try recorded.pruneJobs(finishedBefore: transaction.now, atMost: 10)
                _ = try recorded.pruneTicks(firedBefore: transaction.now, atMost: 10)
                return try recorder.statements.flatMap { statement in
                    try transaction.engine.run("EXPLAIN QUERY PLAN " + statement.text, statement.values).rows.map {
                        try $0.read("detail", as: String.self)
                    }
                }
            }
            #expect(plans.count > 12)
            for step in plans {
                // `due` and `picked` are the few rows of a CTE; a scan in the order of an index ends at its LIMIT.
                let reads = (step.contains("SCAN jobs") || step.contains("SCAN schedule")) && !step.contains("USING")
                #expect(!reads, "\(step)")
                #expect(!step.contains("TEMP B-TREE FOR ORDER BY"), "\(step)")
            }
            for index in [
                "jobs_to_claim", "jobs_to_promote", "jobs_leased", "jobs_dead", "jobs_finished", "schedule_ticks_fired",
            ] {
                #expect(plans.contains { $0.contains(index) }, "no statement uses \(index)")
            }
        }
    }

    @Test func `claims that organisations share read the index of their lane`() async throws {
        try await withJobFixture(.sqlite) { fixture in
            let plans = try await fixture.database.write { transaction in
                let recorder = RecordingEngine(transaction.engine)
                let recorded = Transaction(engine: recorder, now: transaction.now)
                _ = try recorded.hasClaimableJob(.compute([Computation.name], 2, organisationMax: 1))
                try recorded.lockLane(.compute)
                _ = try recorded.claimJobs(.compute([Computation.name], 2, organisationMax: 1), lease: .seconds(30))
                return try recorder.statements.flatMap { statement in
                    try transaction.engine.run("EXPLAIN QUERY PLAN " + statement.text, statement.values).rows.map {
                        try $0.read("detail", as: String.self)
                    }
                }
            }
            for step in plans { #expect(!step.contains("SCAN jobs") || step.contains("USING"), "\(step)") }
            for index in ["jobs_to_share", "jobs_leased"] {
                #expect(plans.contains { $0.contains(index) }, "no statement uses \(index)")
            }
            // From one organisation to the next: the other jobs of each are not read.
            #expect(plans.contains { $0.contains("jobs_to_share (lane=? AND organisation>?)") }, "\(plans)")
        }
    }
}
