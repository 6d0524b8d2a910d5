import App
import Base
import Modules
import TestKit
import Testing

@testable import Billing

/// E-mails before the end of a plan that was paid for in advance: each once, whatever is repeated.
@Suite struct PrepaidReminderTests {
    private func remind(_ upi: UPIFixture) async throws {
        _ = try await upi.database.write { [queue = upi.test.app.queue] in
            try queue.enqueue(RemindPrepaidPlansJob(), in: $0)
        }
        try await upi.test.runJobs()
    }

    private func subjects(_ upi: UPIFixture) async throws -> [String] {
        try await upi.test.mail(to: upi.person.email).map(\.subject).filter { $0.contains("Your plan") }
    }

    @Test(arguments: Engine.available)
    func `owners are reminded seven, three and one day before the end, and told of it`(engine: Engine) async throws {
        try await withUPI(engine) { upi in
            #expect(try await upi.report(try await upi.newCode())["outcome"] == "applied")
            var days: [Int] = []
            // Paid on 31 January until 28 February.
            upi.test.clock.advance(by: .days(19))
            for day in 20...30 {
                upi.test.clock.advance(by: .days(1))
                // A second run, such as on another node, sends nothing.
                for _ in 1...2 { try await remind(upi) }
                let count = try await subjects(upi).count
                days += Array(repeating: day, count: count - days.count)
            }
            #expect(days == [21, 25, 27, 28], "\(days)")
            let all = try await subjects(upi)
            #expect(all == Array(repeating: "Your plan ends soon", count: 3) + ["Your plan has ended"], "\(all)")
            let text = try await upi.test.mail(to: upi.person.email).first { $0.subject == all[0] }?.text
            #expect(text?.contains("Student ends at 28 February 2026, 12:00 UTC") == true, "\(text ?? "")")
            #expect(try await upi.subscription() == nil)
        }
    }

    @Test(arguments: Engine.available)
    func `after a time without jobs the latest reminder alone is sent, and a payment ends them`(engine: Engine)
        async throws
    {
        try await withUPI(engine) { upi in
            #expect(try await upi.report(try await upi.newCode(), "bank-0001")["outcome"] == "applied")
            upi.test.clock.advance(by: .days(26))
            try await remind(upi)
            #expect(try await subjects(upi).count == 1)
            #expect(try await upi.report(try await upi.newCode(), "bank-0002")["outcome"] == "applied")
            upi.test.clock.advance(by: .days(3))
            try await remind(upi)
            #expect(try await subjects(upi).count == 1)
            // Two nodes at once, before the end of the second period on 31 March.
            upi.test.clock.set(try #require(Instant("2026-03-30T13:00:00Z")))
            try await withThrowingTaskGroup { group in
                for _ in 0..<2 { group.addTask { try await upi.test.app.billing.prepaid.remindAll() } }
                try await group.waitForAll()
            }
            try await upi.test.runJobs()
            #expect(try await subjects(upi).count == 2)
        }
    }
}
