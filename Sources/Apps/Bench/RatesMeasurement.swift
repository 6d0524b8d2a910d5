import Base
import Foundation
import Rates

/// How many checks of a rate a process makes in a second, its clock included.
struct RatesMeasurement {
    let effort: Effort

    func run() async -> Table {
        var table = Table("Rates in process", ["what", "tasks", "million checks/s", "ns a check and task"])
        let rates = Rates(.perMinute(10), .perHour(100))
        let single = Rates(.perMinute(1_000))
        for tasks in Set([1, Machine.cores]).sorted() {
            await row("one rate, 10 000 keys", tasks, &table) { table, task, turn in
                table.take(1, from: (task &* 7_919 &+ turn) % 10_000, under: single, at: LocalRates.uptime())
            }
            await row("a minute and an hour, 10 000 keys", tasks, &table) { table, task, turn in
                table.take(1, from: (task &* 7_919 &+ turn) % 10_000, under: rates, at: LocalRates.uptime())
            }
            await row("one key of everybody", tasks, &table) { table, _, _ in table.take(1, from: 1, under: single, at: LocalRates.uptime()) }
        }
        table.note = "Most are refused, as under attack; a refusal costs what an admission does."
        return table
    }

    private func row(_ name: String, _ tasks: Int, _ table: inout Table, _ check: @escaping @Sendable (RateTable, Int, Int) -> RateVerdict) async {
        var found: [Double] = []
        for _ in 0..<effort.rounds { found.append(await checksPerSecond(tasks, check)) }
        table.rows.append([name, "\(tasks)", (found.median / 1e6).shown(1), (Double(tasks) * 1e9 / found.median).shown(0)])
    }

    private func checksPerSecond(_ tasks: Int, _ check: @escaping @Sendable (RateTable, Int, Int) -> RateVerdict) async -> Double {
        let table = RateTable(capacity: 65_536)
        let clock = ContinuousClock()
        let start = clock.now
        let end = start + .seconds(effort.roundSeconds)
        let count = await withTaskGroup(of: Int.self) { group in
            for task in 0..<tasks {
                group.addTask {
                    var (turn, admitted) = (0, 0)
                    while clock.now < end {
                        for _ in 0..<10_000 {
                            if check(table, task, turn).isAdmitted { admitted += 1 }
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
}
