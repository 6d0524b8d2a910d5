import Base
import CAllocations
import Foundation
import Rates

/// How many checks of a rate a process makes in a second, its clock included, and how often one asks for memory.
struct RatesMeasurement {
    let effort: Effort

    private typealias Check = @Sendable (_ task: Int, _ turn: Int) -> RateDecision

    func run() async -> Table {
        var table = Table(
            "Rates in process", ["what", "tasks", "million checks/s", "ns a check and task", "allocations a check"])
        let rates = Rates(.perMinute(10), .perHour(100))
        let single = Rates(.perMinute(1_000))
        let subjects = (0..<10_000).map { "0199c0de-0000-7000-8000-\(String(100_000_000_000 + $0))" }
        for tasks in Set([1, Machine.cores]).sorted() {
            await row("one rate, 10 000 keys", tasks, &table) {
                let table = RateTable(capacity: 65_536)
                return { table.take(1, from: ($0 &* 7_919 &+ $1) % 10_000, under: single, at: LocalRateStore.uptime()) }
            }
            await row("a minute and an hour, 10 000 keys", tasks, &table) {
                let table = RateTable(capacity: 65_536)
                return { table.take(1, from: ($0 &* 7_919 &+ $1) % 10_000, under: rates, at: LocalRateStore.uptime()) }
            }
            await row("the same, by the names of limit and organisation", tasks, &table) {
                let store = LocalRateStore()
                return {
                    store.take(
                        1, from: RateKey(limit: "plan-default", subject: subjects[($0 &* 7_919 &+ $1) % 10_000]),
                        under: rates)
                }
            }
            await row("one key of everybody", tasks, &table) {
                let table = RateTable(capacity: 65_536)
                return { _, _ in table.take(1, from: 1, under: single, at: LocalRateStore.uptime()) }
            }
        }
        table.note = "Most are refused, as under attack; a refusal costs what an admission does."
        return table
    }

    private func row(_ name: String, _ tasks: Int, _ table: inout Table, _ make: () -> Check) async {
        var found: [Double] = []
        for _ in 0..<effort.rounds { found.append(await checksPerSecond(tasks, make())) }
        let allocations = allocationsPerCheck(make())
        table.rows.append([
            name, "\(tasks)", (found.median / 1e6).shown(1), (Double(tasks) * 1e9 / found.median).shown(0),
            allocations.shown(2),
        ])
    }

    private func checksPerSecond(_ tasks: Int, _ check: @escaping Check) async -> Double {
        let clock = ContinuousClock()
        let start = clock.now
        let end = start + .seconds(effort.roundSeconds)
        let count = await withTaskGroup(of: Int.self) { group in
            for task in 0..<tasks {
                group.addTask {
                    var (turn, admitted) = (0, 0)
                    while clock.now < end {
                        for _ in 0..<10_000 {
                            if check(task, turn).isAllowed { admitted += 1 }
                            turn += 1
                        }
                    }
                    return admitted > 0 ? turn : 0
                }
            }
            return await group.reduce(0, +)
        }
        return Double(count) / (clock.now - start).inSeconds
    }

    private func allocationsPerCheck(_ check: Check) -> Double {
        let checks = 100_000
        var admitted = 0
        let before = gatehouse_allocations()
        for turn in 0..<checks where check(0, turn).isAllowed { admitted += 1 }
        return admitted > 0 ? Double(gatehouse_allocations() - before) / Double(checks) : .nan
    }
}
