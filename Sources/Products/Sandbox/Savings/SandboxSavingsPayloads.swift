import Modules
import SpotDecisions

/// What the instance of a session saved on spot, in US dollars. The `…_micros` are the exact millionths.
struct SandboxSavings: Payload {
    var currency = "usd"
    var cumulativeSavings: Double
    var cumulativeSavingsMicros: Int64
    var hourlyBreakdown: [HourlySavingsView]

    init(_ ledger: SavingsLedger, until time: Instant) {
        cumulativeSavingsMicros = ledger.total(until: time)
        cumulativeSavings = cumulativeSavingsMicros.microdollarsInDollars
        hourlyBreakdown = ledger.hours(until: time).map(HourlySavingsView.init)
    }
}

struct HourlySavingsView: Payload {
    /// A full hour of UTC.
    var timestamp: Instant
    /// An hour, averaged over the time in this hour.
    var spotPrice: Double
    /// An hour, averaged over the time in this hour.
    var onDemandPrice: Double
    var savings: Double
    var savingsMicros: Int64

    init(_ hour: HourlySavings) {
        timestamp = hour.start
        spotPrice = hour.spotPrice.microdollarsInDollars
        onDemandPrice = hour.onDemandPrice.microdollarsInDollars
        savings = hour.savings.microdollarsInDollars
        savingsMicros = hour.savings
    }
}
