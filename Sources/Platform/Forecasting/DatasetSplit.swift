/// The division of datasets into a training part, a validation part, which ends the training early, and a test part.
package struct DatasetSplit: Codable, Sendable, Equatable {
    /// The unit of the sizes of the parts.
    package enum Unit: String, Codable, Sendable {
        /// Fractions that sum to 1. Training and validation are rounded; the test part is the rest.
        case fraction
        /// Numbers of datasets; the remaining datasets are not used.
        case count
    }

    /// The three parts.
    package enum Part: String, Codable, Sendable, CaseIterable {
        case train, validation, test
    }

    /// The size of the training part: more than 0.
    package var train: Double
    /// The size of the validation part; with 0 all epochs are run.
    package var validation: Double
    /// The size of the test part; may be 0.
    package var test: Double
    /// The unit of the three sizes.
    package var unit: Unit
    /// Whether datasets are assigned at random. Otherwise the parts follow each other in time, and at the end of the
    /// training and validation parts the datasets whose outputs overlap those of the next part are left out.
    package var shuffle: Bool
    /// The seed of the shuffle.
    package var seed: UInt64
    /// With `shuffle`: the number of consecutive datasets that stay together; 1 assigns each dataset by itself.
    ///
    /// Consecutive datasets share most of their values, so single datasets of a random test part share values with the
    /// training part. From 2 on, blocks are assigned, and datasets whose windows overlap a block of another part are
    /// left out (`purged`): the test part then shares no values with the training part.
    package var blockLength: Int

    /// 70, 20 and 10 per cent in the order of time by default.
    package init(
        train: Double = 0.7,
        validation: Double = 0.2,
        test: Double = 0.1,
        unit: Unit = .fraction,
        shuffle: Bool = false,
        seed: UInt64 = 42,
        blockLength: Int = 1
    ) {
        self.train = train
        self.validation = validation
        self.test = test
        self.unit = unit
        self.shuffle = shuffle
        self.seed = seed
        self.blockLength = blockLength
    }

    /// The datasets of each part, in ascending order of time.
    struct Parts: Sendable {
        var train: [Int32] = []
        var validation: [Int32] = []
        var test: [Int32] = []
        var purged = 0

        /// 0 training, 1 validation, 2 test, 3 none, for each of `count` datasets.
        func numbers(_ count: Int) -> [Int64] {
            var numbers = [Int64](repeating: 3, count: count)
            for (number, rows) in [train, validation, test].enumerated() {
                for row in rows { numbers[Int(row)] = Int64(number) }
            }
            return numbers
        }

        subscript(part: Part) -> [Int32] {
            switch part {
            case .train: train
            case .validation: validation
            case .test: test
            }
        }
    }

    func validate() throws(DatasetFault) {
        let parts = [train, validation, test]
        guard parts.allSatisfy({ $0 >= 0 && $0 <= 1e9 }) else {
            throw DatasetFault(.invalidRecipe, "No part of a split is negative.", field: "/split")
        }
        switch unit {
        case .fraction:
            guard abs(parts.reduce(0, +) - 1) < 1e-6, train > 0 else {
                throw DatasetFault(
                    .invalidRecipe, "The fractions of a split sum to 1, and that of training is more than 0.",
                    field: "/split")
            }
        case .count:
            guard parts.allSatisfy({ $0.rounded() == $0 }), train > 0 else {
                throw DatasetFault(
                    .invalidRecipe, "The counts of a split are whole numbers, and that of training is at least 1.",
                    field: "/split")
            }
        }
        guard (1...1_000_000).contains(blockLength) else {
            throw DatasetFault(
                .invalidRecipe, "A block of a split has 1 to 1000000 datasets.", field: "/split/blockLength")
        }
    }

    /// The number of datasets of each part, of `count` in all.
    package func sizes(_ count: Int) throws(DatasetFault) -> (train: Int, validation: Int, test: Int) {
        switch unit {
        case .fraction:
            // Half to even, as Python's `round`: clients compute the same counts.
            let train = min(count, Int((self.train * Double(count)).rounded(.toNearestOrEven)))
            let validation = min(count - train, Int((self.validation * Double(count)).rounded(.toNearestOrEven)))
            return test == 0 ? (count - validation, validation, 0) : (train, validation, count - train - validation)
        case .count:
            guard train + validation + test <= Double(count) else {
                throw DatasetFault(
                    .invalidRecipe,
                    "The split asks for \(Int(train + validation + test)) datasets, but there are \(count).",
                    field: "/split"
                )
            }
            return (Int(train), Int(validation), Int(test))
        }
    }

    /// Divides `count` datasets. `span` is the length of a dataset's window, `outputSpan` that of its outputs and
    /// `reference` its reference time, all in microseconds.
    func parts(
        _ count: Int, span: Int64, outputSpan: Int64, reference: (Int) -> Int64
    ) throws(DatasetFault) -> Parts {
        let sizes = try sizes(count)
        let order = order(count)
        var labels = [UInt8](repeating: 3, count: count)
        let ends = [sizes.train, sizes.train + sizes.validation, sizes.train + sizes.validation + sizes.test]
        for (position, index) in order.enumerated() {
            labels[Int(index)] = position < ends[0] ? 0 : position < ends[1] ? 1 : position < ends[2] ? 2 : 3
        }
        var parts = Parts()
        if !shuffle {
            // Outputs overlap by the steps of one dataset less one.
            parts.purged += Self.purge(&labels, span: outputSpan, reference: reference, backwards: true)
        } else if blockLength > 1 {
            parts.purged += Self.purge(&labels, span: span, reference: reference, backwards: false)
            parts.purged += Self.purge(&labels, span: span, reference: reference, backwards: true)
        }
        for (index, label) in labels.enumerated() {
            switch label {
            case 0: parts.train.append(Int32(index))
            case 1: parts.validation.append(Int32(index))
            case 2: parts.test.append(Int32(index))
            default: continue
            }
        }
        return parts
    }

    /// The order in which datasets are assigned to the parts.
    private func order(_ count: Int) -> [Int32] {
        var generator = SeededGenerator(seed: seed)
        guard shuffle else { return Array(0..<Int32(count)) }
        guard blockLength > 1 else {
            var order = Array(0..<Int32(count))
            generator.shuffle(&order)
            return order
        }
        var blocks = Array(0..<Int32((count + blockLength - 1) / blockLength))
        generator.shuffle(&blocks)
        var order: [Int32] = []
        order.reserveCapacity(count)
        for block in blocks {
            let first = Int(block) * blockLength
            order.append(contentsOf: Int32(first)..<Int32(min(first + blockLength, count)))
        }
        return order
    }

    /// Removes datasets from training that overlap validation or test, and from validation those that overlap test, in
    /// one direction of time.
    private static func purge(_ labels: inout [UInt8], span: Int64, reference: (Int) -> Int64, backwards: Bool) -> Int {
        var purged = 0
        var lastTest: Int64?
        var lastValidation: Int64?
        for step in labels.indices {
            let index = backwards ? labels.count - 1 - step : step
            let time = reference(index)
            func overlaps(_ other: Int64?) -> Bool { other.map { abs(time - $0) <= span } ?? false }
            switch labels[index] {
            case 2:
                lastTest = time
            case 1:
                if overlaps(lastTest) {
                    labels[index] = 4
                    purged += 1
                } else {
                    lastValidation = time
                }
            case 0 where overlaps(lastTest) || overlaps(lastValidation):
                labels[index] = 4
                purged += 1
            default:
                continue
            }
        }
        return purged
    }
}
