import Base
import Foundation
import SpotDecisions
import TestKit
import Testing

/// Features and labels.
@Suite struct RiskFeaturesTests {
    @Test func `a label depends on the prices of its own pool alone`() throws {
        // The first pool ends cheap, and the second one begins dear: a label that crosses pools would see a rise.
        let cheap = RiskFixture.list(Array(repeating: 0.03, count: 20))
        let dear = RiskFixture.list(Array(repeating: 0.09, count: 20), zone: "us-east-1b")
        let text = cheap + dear.split(separator: "\n").dropFirst().joined(separator: "\n")
        let history = try PriceHistory(csv: Array(text.utf8), now: RiskFixture.now)
        let end = try #require(Instant("2021-03-05T18:00:00Z"))
        let features = RiskFeatures(history, through: end)
        #expect(features.pools.count == 2)
        for pool in features.pools {
            let labels = features.labels(of: pool)
            #expect(labels.count == 19 * 36 + 1 - 35)
            #expect(!labels.contains(true))
            #expect(labels.suffix(72).allSatisfy { $0 == nil } && labels.dropLast(72).allSatisfy { $0 == false })
        }
    }

    @Test func `a rise of more than 3 % within twelve hours is labelled`() throws {
        let prices = Array(repeating: 1.0, count: 8) + Array(repeating: 1.031, count: 8)
        let history = try PriceHistory(
            csv: Array(RiskFixture.list(prices, type: "c5.4xlarge").utf8), now: RiskFixture.now)
        let features = RiskFeatures(history, through: try #require(Instant("2021-03-04T18:00:00Z")))
        let pool = SpotPool("c5.4xlarge", "us-east-1a")
        let labels = features.labels(of: pool)
        let start = features.rows(of: pool).start
        let rise = try #require(Instant("2021-03-03T00:00:00Z"))
        for (index, label) in labels.enumerated() {
            guard let label else { continue }
            let time = start + .minutes(Int64(10 * index))
            #expect(label == (time < rise && time >= rise - .hours(12)), "\(time)")
        }
    }

    @Test func `a row depends on earlier prices alone`() throws {
        let all = try RiskFixture.features()
        let history = try RiskFixture.history()
        let time = try #require(Instant("2021-04-10T12:00:00Z"))
        let before = try PriceHistory(
            history.prices.mapValues { $0.filter { $0.time <= time } }, now: RiskFixture.now)
        let past = RiskFeatures(before, through: time)
        for pool in all.pools { #expect(all.row(of: pool, at: time) == past.row(of: pool, at: time)) }
        #expect(past.row(of: RiskFixture.p2, at: time + .minutes(10)) == nil)
    }

    @Test func `pools without a type or a price on demand are named`() throws {
        let history = try PriceHistory(
            csv: Array(RiskFixture.list([1, 1, 1], type: "zz.large").utf8), now: RiskFixture.now)
        let features = RiskFeatures(history, through: RiskFixture.now)
        #expect(features.pools.isEmpty && features.skipped.map(\.description) == ["zz.large@us-east-1a"])
    }

    @Test(
        .enabled(if: Pandas.isInstalled, "pandas is not installed: set GATEHOUSE_PYTHON to an interpreter that has it.")
    )
    func `every feature and label equals pandas' to 1e-9`() throws {
        let features = try RiskFixture.features()
        let numbers = try Pandas.features(RiskFixture.file)
        let columns = RiskFeature.allCases.count + 1
        var (index, largest) = (0, 0.0)
        for pool in features.pools {
            let (values, labels) = (features.rows(of: pool).values, features.labels(of: pool))
            for (row, label) in labels.enumerated() {
                guard index + columns <= numbers.count else { break }
                for column in 0..<columns - 1 {
                    largest = max(largest, abs(values[row * (columns - 1) + column] - numbers[index + column]))
                }
                let theirs = numbers[index + columns - 1]
                if theirs.isNaN ? label != nil : label != (theirs == 1) { largest = .infinity }
                index += columns
            }
        }
        #expect(index == numbers.count && index > 70_000 * columns)
        #expect(largest <= 1e-9)
    }
}

/// The features of pandas.
enum Pandas {
    static let isInstalled = (try? Python.run(["-c", "import pandas"])) != nil

    /// - Returns: the features and the label of every row, pools in the order of their names.
    static func features(_ prices: URL) throws -> [Double] {
        let types = Repository.url("Sources/Platform/SpotDecisions/Data/instance-types.csv")
        let data = try Python.run(["-c", script, prices.path, types.standardizedFileURL.path])
        return data.withUnsafeBytes { Array($0.bindMemory(to: Double.self)) }
    }

    /// Standard deviations are those of each window by itself: pandas' own moving one adds and removes values, and its
    /// rounding errors reach 3e-7 on these prices.
    private static let script = """
        import sys
        import numpy as np
        import pandas as pd

        prices = pd.read_csv(sys.argv[1], parse_dates=["timestamp"])
        types = pd.read_csv(sys.argv[2]).set_index("instance_type")
        end = prices.timestamp.max().floor("10min")
        series = {}
        for key, group in prices.groupby(["instance_type", "availability_zone"]):
            price = group.set_index("timestamp").price_usd
            price = price.resample("10min", closed="right", label="right").last().ffill()
            series[key] = price.reindex(pd.date_range(price.index[0], end, freq="10min")).ffill()

        def position(price):
            low, high = (getattr(price.rolling(1008, min_periods=1), name)() for name in ("min", "max"))
            return ((price - low) / (high - low + 1e-9)).clip(0, 1)

        positions = {key: position(price) for key, price in series.items()}
        size = {name: (types.vcpus[name], types.memory_gib[name]) for name, zone in series}
        out = []
        for (name, zone), price in sorted(series.items()):
            family = name.split(".")[0]
            larger = [
                positions[other] for other in positions
                if other[1] == zone and other[0].split(".")[0] == family and size[other[0]] > size[name]
            ]
            stress = pd.concat(larger, axis=1).reindex(price.index) if larger else pd.DataFrame({0: price * 0})
            window = price.rolling(36)
            deviation = window.apply(lambda values: values.std(ddof=1), raw=True)
            hour = price.index.hour
            highest = price[::-1].rolling(72).max()[::-1].shift(-1)
            frame = np.column_stack([
                positions[name, zone], price.pct_change(6), deviation, deviation / window.mean(),
                (1 - price / types["us-east-1 usd"][name]).clip(0, 1), stress.mean(axis=1).fillna(0),
                stress.max(axis=1).fillna(0), np.sin(2 * np.pi * hour / 24), np.cos(2 * np.pi * hour / 24),
                price.index.day_of_week >= 5, (hour >= 9) & (hour < 17),
                np.where(highest.isna(), np.nan, highest > 1.03 * price),
            ])
            out.append(frame[35:])
        sys.stdout.buffer.write(np.concatenate(out).astype("<f8").tobytes())
        """
}
