package import Foundation

/// The specification of datasets: the series, their horizons around a reference time, and the numbers of steps.
package struct DatasetRecipe: Codable, Sendable, Equatable {
    /// A span of time relative to the reference time, in hours; negative values are in the past.
    package struct Horizon: Codable, Sendable, Equatable {
        /// Hours from the reference time to the first value.
        package var startHours: Double
        /// Hours from the reference time to the last value; at least `startHours`.
        package var endHours: Double

        /// From start to end, in hours.
        package init(_ startHours: Double, _ endHours: Double) {
            self.startHours = startHours
            self.endHours = endHours
        }
    }

    /// The target range of a min-max scaling, which is fitted on the training part.
    package struct Scaling: Codable, Sendable, Equatable {
        /// The scaled value of the smallest value of the training part.
        package var minimum: Double
        /// The scaled value of the largest value of the training part; more than `minimum`.
        package var maximum: Double

        /// From minimum to maximum; 0 to 1 by default.
        package init(_ minimum: Double = 0, _ maximum: Double = 1) {
            self.minimum = minimum
            self.maximum = maximum
        }
    }

    /// One series, as an input or an output.
    package struct Channel: Codable, Sendable, Equatable {
        /// The name of the channel, unique among the inputs and among the outputs.
        package var name: String
        /// A file written by `SeriesImport` or `SeriesWriter`.
        package var series: URL
        /// The horizon of the values.
        package var horizon: Horizon
        /// Whether every step has the mean over the horizon instead of a value of its own.
        package var averaging: Bool
        /// Nil: the values are not scaled.
        package var scaling: Scaling?

        /// By default a channel is scaled to 0…1 and not averaged.
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

    /// The numbers of steps of a dataset, and the reference times.
    package struct Steps: Codable, Sendable, Equatable {
        /// I_N, 1 to 4096.
        package var inputSteps: Int
        /// O_N, 1 to 4096.
        package var outputSteps: Int
        /// DELT: minutes from one reference time to the next, a second to a year.
        package var stepMinutes: Double
        /// OFST: minutes of the reference times past the hour, -1440 to 1440.
        package var offsetMinutes: Double

        /// `validate` of the recipe checks the bounds.
        package init(inputSteps: Int, outputSteps: Int, stepMinutes: Double, offsetMinutes: Double = 0) {
            self.inputSteps = inputSteps
            self.outputSteps = outputSteps
            self.stepMinutes = stepMinutes
            self.offsetMinutes = offsetMinutes
        }
    }

    /// 1 to 100 input series.
    package var inputs: [Channel]
    /// 1 to 100 output series.
    package var outputs: [Channel]
    /// The numbers of steps and the reference times.
    package var steps: Steps
    /// The calendar columns of the inputs.
    package var timeFeatures: TimeFeatures
    /// The split of the datasets.
    package var split: DatasetSplit
    /// A longer distance between neighbouring numbers is a gap; a dataset that needs a value within a gap is dropped.
    ///
    /// Nil: 1.5 times the usual step of each series. -1: values are interpolated over any distance, but not beside a
    /// sample without a number.
    package var maximumGapMinutes: Double?

    /// `validate`, which `DatasetGenerator` calls, checks the bounds.
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

    /// The largest number of inputs, and of outputs.
    package static let channelsMax = 100
    /// The largest number of input steps, and of output steps.
    package static let stepsMax = 4096
    /// The largest distance of a horizon from the reference time: ten years, in hours.
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
                "The end of a horizon is not before its start, and both are within \(Int(Self.horizonHoursMax)) hours."
            )
        }
        func check(_ scaling: Scaling?, _ field: String) throws(DatasetFault) {
            guard let scaling else { return }
            try require(
                scaling.minimum.isFinite && scaling.maximum.isFinite && scaling.minimum < scaling.maximum,
                field,
                "The maximum of a scaling is larger than its minimum."
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
                    "The names of the \(side) are not empty and unique.")
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
                maximumGapMinutes == -1 || maximumGapMinutes > 0 && maximumGapMinutes <= 5_270_400,
                "/maximumGapMinutes",
                "The largest gap is more than 0 and at most 5270400 minutes, or -1 for any.")
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
