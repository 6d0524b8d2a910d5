import Base

/// The stages that decide which candidates remain.
extension DecisionRun {
    /// A type is dropped above this multiple of the processors that a workload needs.
    static let oversizeMax = 2

    mutating func collect() {
        switch input.target {
        case .instance(let pool):
            candidates = input.candidates.filter { $0.pool == pool }.prefix(1).map { $0 }
            guard let own = candidates.first else {
                return log(
                    .input, .error, .error, "There is no price of \(pool.instanceType) in \(pool.availabilityZone).",
                    ["pool": .string(pool.description)])
            }
            log(
                .input, .scraper,
                "\(pool) costs \(MessageText.dollars(own.spotPrice)) USD an hour on spot and "
                    + "\(MessageText.dollars(own.onDemandPrice)) on demand (source: \(input.source.rawValue)).",
                [
                    "spot_price": .number(own.spotPrice.microdollarsInDollars),
                    "on_demand_price": .number(own.onDemandPrice.microdollarsInDollars),
                    "source": .string(input.source.rawValue),
                ])
        case .cluster:
            candidates = input.candidates
            log(
                .input, candidates.isEmpty ? .error : .scraper, candidates.isEmpty ? .error : .info,
                candidates.isEmpty
                    ? "There is no price of any pool."
                    : "Prices of \(candidates.count) pools (source: \(input.source.rawValue)).",
                ["candidates": .integer(Int64(candidates.count)), "source": .string(input.source.rawValue)])
        }
    }

    mutating func filterHardware() {
        guard let needs else { return log(.hardwareFilter, .logic, "One instance is replaced by its own type.") }
        drop(
            .hardwareFilter,
            "not \(needs.architecture.rawValue), or below \(needs.vcpus) vCPUs or \(needs.memoryMiB) MiB"
        ) {
            if $0.hardware.architecture != needs.architecture { return .architecture }
            return $0.hardware.isLargeEnough(for: needs) ? nil : .tooSmall
        }
    }

    mutating func filterInterrupted() {
        let bound = configuration.thresholds.interruptRateMax
        drop(.advisorFilter, "interrupted more often than \(MessageText.share(bound))") {
            ($0.interruptRate ?? 0) > bound ? .interruptRate : nil
        }
    }

    mutating func filterOversized() {
        guard let needs else { return log(.rightSizing, .logic, "One instance keeps its size.") }
        drop(.rightSizing, "more than \(Self.oversizeMax) times \(needs.vcpus) vCPUs") {
            $0.hardware.vcpus > Self.oversizeMax * needs.vcpus ? .tooLarge : nil
        }
    }

    mutating func filterUnsafe() {
        let bound = configuration.thresholds.crashProbabilityMax
        drop(.safetyGate, "a crash probability above \(MessageText.share(bound)), or none") {
            guard let probability = $0.crashProbability else { return .noScore }
            return probability > bound ? .crashProbability : nil
        }
    }
}
