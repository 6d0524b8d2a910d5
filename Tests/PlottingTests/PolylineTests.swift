import Testing

@testable import Plotting

@Suite struct PolylineTests {
    @Test func `a long line is reduced and keeps its ends and peaks`() {
        var y = (0..<300_000).map { Double($0 % 7) }
        (y[123_456], y[200_001]) = (99, -99)
        let points = Array(Polyline(x: y.indices.map(Double.init), y: y).points)
        #expect(points.count <= Polyline.pointsMax)
        #expect(points.count > 3_000)
        #expect(points.contains(.init(x: 123_456, y: 99)))
        #expect(points.contains(.init(x: 200_001, y: -99)))
        #expect(points.first == .init(x: 0, y: 0))
        #expect(points.last?.x == 299_999)
        #expect(zip(points, points.dropFirst()).allSatisfy { $0.x < $1.x })
    }

    @Test func `a short line is unchanged`() {
        let x = (0..<Polyline.pointsMax).map(Double.init)
        #expect(Polyline(x: x, y: x).segments == [x.map { .init(x: $0, y: $0) }])
    }

    @Test func `missing values break the line`() {
        let line = Polyline(x: [0, 1, 2, 3, 4, 5, 6], y: [1, 2, .nan, 3, .infinity, -.infinity, 4])
        #expect(line.segments.map { $0.map(\.x) } == [[0, 1], [3], [6]])
    }

    @Test func `a narrow gap remains in a reduced line`() {
        var y = (0..<100_000).map { _ in 1.0 }
        y[50_000] = .nan
        let segments = Polyline(x: y.indices.map(Double.init), y: y).segments
        #expect(segments.count == 2)
        #expect((segments[0].last?.x ?? .nan) < 50_000)
        #expect((segments[1].first?.x ?? .nan) > 50_000)
    }

    @Test func `unsorted and invalid input is sorted and filtered`() {
        #expect(Polyline(x: [], y: []).segments.isEmpty)
        #expect(Polyline(x: [1, 2, 3], y: [5]).segments == [[.init(x: 1, y: 5)]])
        #expect(Polyline(x: [.nan, 2, .infinity], y: [1, 5, 1]).segments == [[.init(x: 2, y: 5)]])
        #expect(Polyline(x: [3, 1, 2, 1], y: [30, 10, 20, 11]).segments.map { $0.map(\.y) } == [[10, 11, 20, 30]])
        let vertical = Polyline(x: Array(repeating: 7, count: 50_000), y: (0..<50_000).map(Double.init))
        #expect(vertical.segments.joined().map(\.y) == [0, 49_999])
        #expect(
            Polyline(x: [0, 1], y: [.greatestFiniteMagnitude, 0]).points.allSatisfy { $0.y <= Extent.magnitudeMax })
    }
}
