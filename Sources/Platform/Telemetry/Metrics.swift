import Synchronization

/// Counters, gauges and histograms of one process, in the text format of Prometheus (version 0.0.4).
///
/// Label values come from closed sets (declared routes, problem codes, kinds), never from a client, so that the number
/// of series is bounded.
package final class Metrics: Sendable {
    private struct Series: Hashable {
        let name: String
        let labels: String
    }

    fileprivate struct Histogram {
        var counts = Array(repeating: UInt64(0), count: Metrics.latencyBounds.count + 1)
        var sum: Double = 0
        var count: UInt64 = 0

        mutating func observe(_ seconds: Double, bucket: Int) {
            counts[bucket] += 1
            sum += seconds
            count += 1
        }
    }

    /// The handle of a counter: looked up once, incremented often.
    package final class Counter: Sendable {
        private let total = Mutex(0.0)
        fileprivate var value: Double { total.withLock { $0 } }
        package func increment(by amount: Double = 1) { total.withLock { $0 += amount } }
        /// Takes over the total of what is counted elsewhere, which only grows.
        package func set(to value: Double) { total.withLock { $0 = value } }
    }

    /// The handle of a gauge.
    package final class Gauge: Sendable {
        private let current = Mutex(0.0)
        fileprivate var value: Double { current.withLock { $0 } }
        package func set(to value: Double) { current.withLock { $0 = value } }
        package func add(_ amount: Double) { current.withLock { $0 += amount } }
    }

    /// The handle of a histogram of durations.
    package final class Timer: Sendable {
        private let histogram = Mutex(Histogram())
        fileprivate var value: Histogram { histogram.withLock { $0 } }

        package func observe(seconds: Double) {
            let bucket = Metrics.latencyBounds.firstIndex { seconds <= $0 } ?? Metrics.latencyBounds.count
            histogram.withLock { $0.observe(seconds, bucket: bucket) }
        }
    }

    private struct State {
        var counters: [Series: Counter] = [:]
        var gauges: [Series: Gauge] = [:]
        var timers: [Series: Timer] = [:]
        var help: [String: String] = [:]
    }

    /// Upper bounds of the latency histogram, in seconds.
    package static let latencyBounds: [Double] = [
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
    ]

    private let state = Mutex(State())

    package init() {}

    /// Sets the HELP line of a metric.
    package func describe(_ name: String, _ text: String) { state.withLock { $0.help[name] = text } }

    package func counter(_ name: String, _ labels: [(String, String)] = []) -> Counter {
        handle(name, labels, in: \.counters) { Counter() }
    }

    package func gauge(_ name: String, _ labels: [(String, String)] = []) -> Gauge {
        handle(name, labels, in: \.gauges) { Gauge() }
    }

    package func timer(_ name: String, _ labels: [(String, String)] = []) -> Timer {
        handle(name, labels, in: \.timers) { Timer() }
    }

    package func increment(_ name: String, _ labels: [(String, String)] = [], by amount: Double = 1) {
        counter(name, labels).increment(by: amount)
    }

    package func set(_ name: String, _ labels: [(String, String)] = [], to value: Double) {
        gauge(name, labels).set(to: value)
    }

    package func observe(_ name: String, _ labels: [(String, String)] = [], seconds: Double) {
        timer(name, labels).observe(seconds: seconds)
    }

    private func handle<Handle: Sendable>(
        _ name: String, _ labels: [(String, String)], in handles: WritableKeyPath<State, [Series: Handle]>,
        make: () -> Handle
    ) -> Handle {
        let series = Series(name: name, labels: Self.text(labels))
        return state.withLock { state in
            if let known = state[keyPath: handles][series] { return known }
            let new = make()
            state[keyPath: handles][series] = new
            return new
        }
    }

    /// All series in the text format.
    package var exposition: String {
        let state = state.withLock { $0 }
        var page = ""
        write(state.counters.mapValues(\.value), type: "counter", help: state.help, to: &page) { page, series, value in
            page += "\(series.name)\(series.labels.isEmpty ? "" : "{\(series.labels)}") \(Self.number(value))\n"
        }
        write(state.gauges.mapValues(\.value), type: "gauge", help: state.help, to: &page) { page, series, value in
            page += "\(series.name)\(series.labels.isEmpty ? "" : "{\(series.labels)}") \(Self.number(value))\n"
        }
        write(state.timers.mapValues(\.value), type: "histogram", help: state.help, to: &page) {
            page, series, histogram in
            let prefix = series.labels.isEmpty ? "" : series.labels + ","
            var cumulative: UInt64 = 0
            for (index, count) in histogram.counts.enumerated() {
                cumulative += count
                let bound = index < Self.latencyBounds.count ? Self.number(Self.latencyBounds[index]) : "+Inf"
                page += "\(series.name)_bucket{\(prefix)le=\"\(bound)\"} \(cumulative)\n"
            }
            let labels = series.labels.isEmpty ? "" : "{\(series.labels)}"
            page += "\(series.name)_sum\(labels) \(Self.number(histogram.sum))\n"
            page += "\(series.name)_count\(labels) \(histogram.count)\n"
        }
        return page
    }

    private func write<Value>(
        _ all: [Series: Value],
        type: String,
        help: [String: String],
        to page: inout String,
        _ write: (inout String, Series, Value) -> Void
    ) {
        var last = ""
        for (series, value) in all.sorted(by: { ($0.key.name, $0.key.labels) < ($1.key.name, $1.key.labels) }) {
            if series.name != last {
                if let text = help[series.name] { page += "# HELP \(series.name) \(text)\n" }
                page += "# TYPE \(series.name) \(type)\n"
                last = series.name
            }
            write(&page, series, value)
        }
    }

    /// `name="value"`, separated by commas. Values that need no escape, which is nearly all, are appended unchanged.
    private static func text(_ labels: [(String, String)]) -> String {
        var text = ""
        for (name, value) in labels {
            if !text.isEmpty { text += "," }
            text += name
            text += "=\""
            text += value.utf8.contains(where: isEscaped) ? escaped(value) : value
            text += "\""
        }
        return text
    }

    private static func isEscaped(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "\\") || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\n")
    }

    private static func escaped(_ value: String) -> String {
        value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }

    private static func number(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e15 ? String(Int64(value)) : String(value)
    }
}
