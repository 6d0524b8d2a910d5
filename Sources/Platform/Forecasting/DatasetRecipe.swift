package import Foundation

/// What the datasets of a forecast are made of: which series, at which times around a reference time, in how many steps.
package struct DatasetRecipe: Codable, Sendable, Equatable {
    /// A span of time around the reference time, in hours; negative is the past.
    package struct Horizon: Codable, Sendable, Equatable {
        /// Hours from the reference time to the first value.
        package var startHours: Double
        /// Hours to the last value; not before the start.
        package var endHours: Double

        /// From start to end, in hours.
        package init(_ startHours: Double, _ endHours: Double) {
            self.startHours = startHours
            self.endHours = endHours
        }
    }

    /// The range that the values of the training part are brought to.
    package struct Scaling: Codable, Sendable, Equatable {
        /// Where the smallest value of the training part lands.
        package var minimum: Double
        /// Where the largest lands; more than `minimum`.
        package var maximum: Double

        /// From minimum to maximum, 0 to 1 unless said otherwise.
        package init(_ minimum: Double = 0, _ maximum: Double = 1) {
            self.minimum = minimum
            self.maximum = maximum
        }
    }

    /// One series, as an input or an output.
    package struct Channel: Codable, Sendable, Equatable {
        /// What people call it; its own among the inputs, and among the outputs.
        package var name: String
        /// A file that `SeriesImport` or `SeriesWriter` wrote.
        package var series: URL
        /// When its values are taken.
        package var horizon: Horizon
        /// One mean over the horizon, repeated at every step, in place of a value for each step.
        package var averaging: Bool
        /// Nil: the values stay as they are.
        package var scaling: Scaling?

        /// A channel scaled to 0…1 and without averaging, unless said otherwise.
        package init(
            name: String, series: URL, horizon: Horizon, averaging: Bool = false, scaling: Scaling? = Scaling()
        ) {
            self.name = name
            self.series = series
            self.horizon = horizon
            self.averaging = averaging
            self.scaling = scaling
        }
    }

    /// How many values a dataset has and when its reference times are.
    package struct Steps: Codable, Sendable, Equatable {
        /// I_N, 1 to 4096.
        package var inputSteps: Int
        /// O_N, 1 to 4096.
        package var outputSteps: Int
        /// DELT: minutes from one reference time to the next, a second to a year.
        package var stepMinutes: Double
        /// OFST: minutes of the reference times within the hour, at most a day either way.
        package var offsetMinutes: Double

        /// Bounds are checked by the recipe's `validate`.
        package init(inputSteps: Int, outputSteps: Int, stepMinutes: Double, offsetMinutes: Double = 0) {
            self.inputSteps = inputSteps
            self.outputSteps = outputSteps
            self.stepMinutes = stepMinutes
            self.offsetMinutes = offsetMinutes
        }
    }

    /// 1 to 100 series that a forecast is made from.
    package var inputs: [Channel]
    /// 1 to 100 series that are forecast.
    package var outputs: [Channel]
    /// The numbers of steps and the reference times.
    package var steps: Steps
    /// What the calendar adds to the inputs.
    package var timeFeatures: TimeFeatures
    /// How the datasets are divided.
    package var split: DatasetSplit
    /// Neighbouring samples further apart than this are a gap, and a dataset that needs a value in it is dropped. Nil: neighbours are joined by a line
    /// however far apart they are.
    package var maximumGapMinutes: Double?

    /// Bounds are checked by `validate`, which `DatasetGenerator` calls.
    package init(
        inputs: [Channel],
        outputs: [Channel],
        steps: Steps,
        timeFeatures: TimeFeatures = TimeFeatures(),
        split: DatasetSplit = DatasetSplit(),
        maximumGapMinutes: Double? = nil
    ) {
        self.inputs = inputs
        self.outputs = outputs
        self.steps = steps
        self.timeFeatures = timeFeatures
        self.split = split
        self.maximumGapMinutes = maximumGapMinutes
    }

    /// Most inputs, and most outputs.
    package static let channelsMax = 100
    /// Most input steps, and most output steps.
    package static let stepsMax = 4096
    /// Hours that a horizon may reach into the past or the future: ten years.
    package static let horizonHoursMax = 87_660.0

    /// Throws `DatasetFault.invalidRecipe` for the first setting that is out of its bounds.
    package func validate() throws(DatasetFault) {
        func require(_ condition: Bool, _ field: String, _ message: String) throws(DatasetFault) {
            if !condition { throw DatasetFault(.invalidRecipe, message, field: field) }
        }
        func check(_ horizon: Horizon, _ field: String) throws(DatasetFault) {
            let bound = -Self.horizonHoursMax...Self.horizonHoursMax
            try require(
                bound.contains(horizon.startHours) && bound.contains(horizon.endHours)
                    && horizon.startHours <= horizon.endHours,
                field,
                "A horizon runs from its start to a later end (or the same), at most \(Int(Self.horizonHoursMax)) hours away."
            )
        }
        func check(_ scaling: Scaling?, _ field: String) throws(DatasetFault) {
            guard let scaling else { return }
            try require(
                scaling.minimum.isFinite && scaling.maximum.isFinite && scaling.minimum < scaling.maximum,
                field,
                "A scaling goes from a minimum to a larger maximum."
            )
        }
        for (side, channels) in [("inputs", inputs), ("outputs", outputs)] {
            try require(
                (1...Self.channelsMax).contains(channels.count), "/\(side)",
                "Datasets need 1 to \(Self.channelsMax) \(side).")
            for (index, channel) in channels.enumerated() {
                let duplicate = channels[..<index].contains { $0.name == channel.name }
                try require(
                    !channel.name.isEmpty && !duplicate, "/\(side)/\(index)/name",
                    "Each of the \(side) needs a name of its own.")
                try check(channel.horizon, "/\(side)/\(index)/horizon")
                try check(channel.scaling, "/\(side)/\(index)/scaling")
            }
        }
        let range = 1...Self.stepsMax
        try require(
            range.contains(steps.inputSteps), "/steps/inputSteps", "The number of input steps is 1 to \(Self.stepsMax)."
        )
        try require(
            range.contains(steps.outputSteps), "/steps/outputSteps",
            "The number of output steps is 1 to \(Self.stepsMax).")
        try require(
            steps.stepMinutes * 60 >= 1 && steps.stepMinutes <= 527_040,
            "/steps/stepMinutes",
            "The step between reference times is at least a second and at most a year (527040 minutes)."
        )
        try require(
            abs(steps.offsetMinutes) <= 1440, "/steps/offsetMinutes", "The offset is at most a day (1440 minutes).")
        if let maximumGapMinutes {
            try require(
                maximumGapMinutes > 0 && maximumGapMinutes <= 5_270_400, "/maximumGapMinutes",
                "The largest gap is more than 0 minutes.")
        }
        for (index, feature) in timeFeatures.features.enumerated() {
            try check(feature.horizon, "/timeFeatures/features/\(index)/horizon")
            try check(feature.scaling, "/timeFeatures/features/\(index)/scaling")
            let isDuplicate = timeFeatures.features[..<index].contains { $0.component == feature.component }
            try require(!isDuplicate, "/timeFeatures/features/\(index)/component", "Each time feature occurs once.")
        }
        try require(
            TimeZone(identifier: timeFeatures.timeZone) != nil,
            "/timeFeatures/timeZone",
            "There is no time zone named \"\(timeFeatures.timeZone)\". Use a name such as Europe/Vienna."
        )
        try split.validate()
    }
}
