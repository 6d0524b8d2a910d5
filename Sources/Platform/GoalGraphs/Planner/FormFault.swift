/// Why a part of a sentence that has a known form cannot be planned.
struct FormFault: Error, Hashable {
    /// A clause without a full stop.
    let reason: String

    init(_ reason: String) { self.reason = reason }
}
