/// Memory allocations of one request in a release build, from its socket to its response, as they were last accepted. A
/// change that moves one by more than ``tolerance`` changes the number here too.
enum AllocationBudget {
    /// A part of the accepted number.
    static let tolerance = 0.05

    static let requests: [(call: GateCall, allocations: Double)] = [
        (.profile, 33),
        (.usage, 30),
        (.sessions, 127),
        (.reservationInOne, 361),
    ]

    static func isWithin(_ measured: Double, of accepted: Double) -> Bool {
        abs(measured - accepted) <= accepted * tolerance
    }
}
