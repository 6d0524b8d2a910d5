extension TestStripeServer {
    /// Has a fault happen to coming requests.
    /// - Parameters:
    ///   - next: how many of them.
    ///   - skipping: how many are left alone before.
    ///   - method: nil for every method.
    ///   - path: the beginning of their paths, such as `/v1/transfers`.
    package func fail(
        next count: Int = 1, _ kind: TestStripeFault.Kind, skipping skipped: Int = 0, method: String? = "POST",
        path: String = "/"
    ) {
        control {
            $0.faults.append(
                TestStripeFault(kind: kind, method: method, path: path, skipped: skipped, rest: count))
        }
    }

    /// Has faults happen to a share of all requests with an effect.
    /// - Parameter share: in thousandths; 0 ends it.
    package func failAtRandom(thousandths share: UInt64, seed: UInt64) {
        control { $0.randomFaults = share == 0 ? nil : TestStripeRandomFaults(thousandths: share, seed: seed) }
    }

    /// Ends all faults that have not happened.
    package func stopFailing() {
        control {
            $0.faults = []
            $0.randomFaults = nil
        }
    }

    /// Stripe has no idempotency keys any more, as after 24 hours.
    package func expireKeys() { control { $0.keys = [:] } }
}
