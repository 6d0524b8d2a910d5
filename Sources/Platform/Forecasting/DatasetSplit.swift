/// How datasets are divided into a part to train on, a part that says when to stop, and a part that only judges.
package struct DatasetSplit: Codable, Sendable, Equatable {
    /// What the numbers of a split count.
    package enum Unit: String, Codable, Sendable {
        /// Parts are fractions that sum to 1; train and validation are rounded and the test part is the rest.
        case fraction
        /// Parts are numbers of datasets; what is left over is not used.
        case count
    }

    /// The three parts.
    package enum Part: String, Codable, Sendable, CaseIterable {
        case train, validation, test
    }

    /// To train on: a fraction or a whole number, more than 0.
    package var train: Double
    /// To stop by; may be 0: then every epoch is run.
    package var validation: Double
    /// To judge with; may be 0.
    package var test: Double
    /// What the three numbers count.
    package var unit: Unit
    /// Whether datasets are drawn at random. Otherwise the parts follow each other in time.
    package var shuffle: Bool
    /// What a shuffle follows from.
    package var seed: UInt64
    /// With `shuffle`: how many datasets in a row stay together. 1 draws each by itself.
    ///
    /// Datasets a step apart share nearly all their values, so a test part drawn one by one is full of values that were trained on. From 2 on, blocks are
    /// drawn, and datasets beside a block of another part whose windows overlap are left out (`purged`): what is tested was then never seen.
    package var blockLength: Int

    /// Seven to two to one in the order of time, unless said otherwise.
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

    /// Which datasets belong to which part, each in ascending order, which is the order of time.
    struct Parts: Sendable {
        var train: [Int32] = []
        var validation: [Int32] = []
        var test: [Int32] = []
        var purged = 0

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

    /// How many datasets of `count` go to each part.
    func sizes(_ count: Int) throws(DatasetFault) -> (train: Int, validation: Int, test: Int) {
        switch unit {
        case .fraction:
            // Python's round, half to even, as the clients' own counts have it.
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

    /// Divides `count` datasets. `span` is how long a dataset's window is, from the first value it needs to the last, and `reference` its reference time,
    /// both in microseconds.
    func parts(_ count: Int, span: Int64, reference: (Int) -> Int64) throws(DatasetFault) -> Parts {
        let sizes = try sizes(count)
        let order = order(count)
        var labels = [UInt8](repeating: 3, count: count)
        let ends = [sizes.train, sizes.train + sizes.validation, sizes.train + sizes.validation + sizes.test]
        for (place, index) in order.enumerated() {
            labels[Int(index)] = place < ends[0] ? 0 : place < ends[1] ? 1 : place < ends[2] ? 2 : 3
        }
        var parts = Parts()
        if shuffle, blockLength > 1 {
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

    /// The datasets in the order in which the parts take them.
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

    /// Takes datasets out of training that overlap validation or test, and out of validation those that overlap test, looking one way along time.
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
