/// The rounds of all calls of the gate's measurement.
struct GateSamples {
    private struct Key: Hashable {
        let server: String
        let call: GateCall
        let connections: Int
    }

    private var samples: [Key: [GateSample]] = [:]
    /// The calls of each server, in the order of their first round.
    private(set) var calls: [(server: String, call: GateCall)] = []
    /// Servers that are not installed.
    var missing: [String] = []

    mutating func add(_ sample: GateSample, of server: String, _ call: GateCall, _ connections: Int) {
        if !calls.contains(where: { $0.server == server && $0.call == call }) { calls.append((server, call)) }
        samples[Key(server: server, call: call, connections: connections), default: []].append(sample)
    }

    /// The median of all rounds; NaN where the call was not measured.
    func median(
        _ server: String, _ call: GateCall, _ connections: Int, _ value: (GateSample) -> Double
    ) -> Double {
        (samples[Key(server: server, call: call, connections: connections)] ?? []).map(value).median
    }
}
