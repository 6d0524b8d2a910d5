/// The credits that an organisation can spend.
package struct CreditBalance: Sendable, Hashable {
    package let available: Int64
    /// Reserved for work in progress.
    package let reserved: Int64
    /// Owed for work that was done without credits; while it is above 0, no work is admitted.
    package let debt: Int64

    func allows(_ units: Int64) -> Bool { debt == 0 && available >= units }
}
