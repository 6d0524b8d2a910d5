package import CoreMetrics
import Synchronization

/// The backend of swift-metrics: metrics that libraries record appear in the exposition.
///
/// Names and dimensions become valid names of Prometheus; timers are histograms in seconds and end in `_seconds`. A
/// non-aggregating recorder is a gauge, an aggregating one the two counters `…_sum` and `…_count`.
///
/// The number of series is bounded: at most ``seriesMax`` are made, and none is removed. A metric beyond the bound, or
/// one whose name already has another type, records nothing and is counted in
/// `gatehouse_library_metrics_dropped_total`.
package final class LibraryMetrics: MetricsFactory {
    /// The factory of the process. The first access installs it in swift-metrics.
    package static let shared: LibraryMetrics = {
        let factory = LibraryMetrics()
        MetricsSystem.bootstrap(factory)
        return factory
    }()

    package static let seriesMax = 1_000
    /// Unicode scalars of one label value; longer values are cut.
    private static let labelLengthMax = 128
    private static let droppedName = "gatehouse_library_metrics_dropped_total"

    private enum Kind { case counter, gauge, timer }

    private struct Known {
        var kinds: [String: Kind] = [:]
        var series: Set<[String]> = []
    }

    private let metrics = Metrics()
    private let known = Mutex(Known())

    package init() { metrics.describe(Self.droppedName, "Metrics of libraries that are not recorded.") }

    package var exposition: String { metrics.exposition }

    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        admit(label, dimensions, .counter).map { CounterBackend(metrics.counter($0, $1)) }
            ?? NOOPMetricsHandler.instance
    }

    package func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        admit(label, dimensions, .counter).map { CounterBackend(metrics.counter($0, $1)) }
            ?? NOOPMetricsHandler.instance
    }

    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        admit(label, dimensions, .gauge).map { GaugeBackend(metrics.gauge($0, $1)) } ?? NOOPMetricsHandler.instance
    }

    package func makeRecorder(
        label: String, dimensions: [(String, String)], aggregate: Bool
    ) -> any RecorderHandler {
        guard aggregate else {
            return admit(label, dimensions, .gauge).map { GaugeBackend(metrics.gauge($0, $1)) }
                ?? NOOPMetricsHandler.instance
        }
        guard let (sum, labels) = admit(label + "_sum", dimensions, .counter),
            let (count, _) = admit(label + "_count", dimensions, .counter)
        else { return NOOPMetricsHandler.instance }
        return SumBackend(sum: metrics.counter(sum, labels), count: metrics.counter(count, labels))
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        admit(label + "_seconds", dimensions, .timer).map { TimerBackend(metrics.timer($0, $1)) }
            ?? NOOPMetricsHandler.instance
    }

    // A series stays in the exposition, so that rates over it are right; a later handle to it continues it.
    package func destroyCounter(_: any CounterHandler) {}
    package func destroyFloatingPointCounter(_: any FloatingPointCounterHandler) {}
    package func destroyMeter(_: any MeterHandler) {}
    package func destroyRecorder(_: any RecorderHandler) {}
    package func destroyTimer(_: any TimerHandler) {}

    /// - Returns: the name and the labels of the series; nil where it is not recorded.
    private func admit(
        _ label: String, _ dimensions: [(String, String)], _ kind: Kind
    ) -> (name: String, labels: [(String, String)])? {
        let name = Self.name(label)
        let labels = dimensions.map { (Self.name($0), String($1.unicodeScalars.prefix(Self.labelLengthMax))) }
        let series = [name] + labels.flatMap { [$0, $1] }
        let isAdmitted = known.withLock { known in
            guard known.kinds[name, default: kind] == kind else { return false }
            guard known.series.contains(series) || known.series.count < Self.seriesMax else { return false }
            known.kinds[name] = kind
            known.series.insert(series)
            return true
        }
        guard isAdmitted else {
            metrics.increment(Self.droppedName)
            return nil
        }
        return (name, labels)
    }

    /// A valid name: other characters become `_`. The prefix `gatehouse_` is reserved for the metrics of the service.
    private static func name(_ text: String) -> String {
        let name = String(
            text.unicodeScalars.map { scalar in
                let isValid = scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar))
                return isValid || scalar == "_" ? Character(scalar) : "_"
            })
        guard let first = name.unicodeScalars.first, !("0"..."9").contains(first), !name.hasPrefix("gatehouse_") else {
            return "library_" + name
        }
        return name
    }
}

private final class CounterBackend: CounterHandler, FloatingPointCounterHandler {
    private let counter: Metrics.Counter
    init(_ counter: Metrics.Counter) { self.counter = counter }

    func increment(by amount: Int64) { counter.increment(by: Double(amount)) }
    func increment(by amount: Double) { counter.increment(by: amount) }
    /// Without effect: a counter of Prometheus only grows.
    func reset() {}
}

private final class GaugeBackend: MeterHandler, RecorderHandler {
    private let gauge: Metrics.Gauge
    init(_ gauge: Metrics.Gauge) { self.gauge = gauge }

    func set(_ value: Int64) { gauge.set(to: Double(value)) }
    func set(_ value: Double) { gauge.set(to: value) }
    func increment(by amount: Double) { gauge.add(amount) }
    func decrement(by amount: Double) { gauge.add(-amount) }
    func record(_ value: Int64) { gauge.set(to: Double(value)) }
    func record(_ value: Double) { gauge.set(to: value) }
}

private final class SumBackend: RecorderHandler {
    private let sum: Metrics.Counter
    private let count: Metrics.Counter

    init(sum: Metrics.Counter, count: Metrics.Counter) { (self.sum, self.count) = (sum, count) }

    func record(_ value: Int64) { record(Double(value)) }
    func record(_ value: Double) {
        sum.increment(by: value)
        count.increment()
    }
}

private final class TimerBackend: TimerHandler {
    private let timer: Metrics.Timer
    init(_ timer: Metrics.Timer) { self.timer = timer }

    func recordNanoseconds(_ duration: Int64) { timer.observe(seconds: Double(duration) / 1e9) }
}
