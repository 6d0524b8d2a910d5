import Modules

/// Reads the prices at the provider that the installation names, so that lists of prices have their amounts.
struct ReadNamedPricesJob: Job {
    static let name = "billing.read-named-prices"
    static let lane = JobLane.outbound

    static func worker(_ prices: ProviderPriceService) -> Worker {
        Worker(Self.self) { _, _ in
            try await prices.readNamed()
            return .done
        }
    }

    static let schedule = Schedule(id: name, .every(.hours(1))) { _, queue, transaction in
        try queue.enqueue(Self(), JobOptions(uniqueKey: name), in: transaction)
    }
}
