extension PlanSet {
    /// The plans of an installation without a `PLANS_FILE`, from the smallest to the largest. −1 means unlimited.
    package static let builtIn = """
        # Meters of products that run elsewhere, with the titles that begin "… limit reached".
        meters: { workflows: Workflow, iterations: Iteration, tokens: Token }
        # Features beside those that the products declare, with their titles.
        features: { commands: Commands }
        # Without a plan, and where a plan lists nothing.
        default:
          concurrency: { sandbox_sessions: 5, chat_sessions: 10 }
          limits: { iterations: 5, tokens: 200000 }
          rates: { default: [60/minute, 1000/hour], writes: [120/minute], assistant: [100/minute] }
        plans:
          - id: free
            name: Free
            start: anyone
            limits: { uploads: 5, processing: 5, training_runs: 0 }
            file_mb: 10
            storage_mb: 512
            rates: { default: [60/minute, 1000/hour], checks: [600/minute] }
          - id: trial
            name: Trial
            start: trial
            trial: { days: 30, credits: 10 }
            limits: { uploads: 5, processing: 5, training_runs: 0, workflows: 10, tokens: 500000 }
            concurrency: { agents: 2 }
            file_mb: 10
            storage_mb: 512
            rates:
              { default: [60/minute, 1000/hour], checks: [600/minute], intents: [10/minute, 100/hour] }
          - id: student
            name: Student
            start: payment
            prices:
              - { cycle: monthly, currency: usd, amount: 999 }
              - { cycle: yearly, currency: usd, amount: 9999 }
              - { cycle: monthly, currency: inr, amount: 79900, region: IN }
              - { cycle: yearly, currency: inr, amount: 799900, region: IN }
            limits: { uploads: 5, processing: 5, training_runs: 0, workflows: 100, tokens: 1000000 }
            concurrency: { agents: 5 }
            file_mb: 10
            storage_mb: 1024
            rates:
              { default: [60/minute, 2000/hour], checks: [600/minute], intents: [20/minute, 500/hour] }
          - id: basic
            name: Basic
            start: payment
            provider_prices: true
            limits: { uploads: 50, processing: 50, training_runs: 0, iterations: 25, tokens: 2000000 }
            file_mb: 100
            storage_mb: 5120
            rates: { default: [120/minute, 4000/hour], checks: [1200/minute] }
          - id: employee
            name: Employee
            start: payment
            recommended: true
            prices:
              - { cycle: monthly, currency: usd, amount: 2999 }
              - { cycle: yearly, currency: usd, amount: 29999 }
              - { cycle: monthly, currency: inr, amount: 239900, region: IN }
              - { cycle: yearly, currency: inr, amount: 2399900, region: IN }
            limits: { uploads: 50, processing: 50, training_runs: 0, workflows: 500, tokens: 5000000 }
            concurrency: { agents: 20 }
            file_mb: 100
            storage_mb: 5120
            rates:
              { default: [120/minute, 4000/hour], checks: [1200/minute], intents: [50/minute, 2000/hour] }
          - id: pro
            name: Pro
            start: payment
            provider_prices: true
            features: [training]
            limits: { uploads: 200, processing: 200, training_runs: 5, iterations: 100, tokens: 5000000 }
            file_mb: 500
            storage_mb: 20480
            rates: { default: [300/minute, 10000/hour], checks: [3000/minute] }
          - id: professional
            name: Professional
            start: payment
            prices:
              - { cycle: monthly, currency: usd, amount: 9999 }
              - { cycle: yearly, currency: usd, amount: 99999 }
              - { cycle: monthly, currency: inr, amount: 799900, region: IN }
              - { cycle: yearly, currency: inr, amount: 7999900, region: IN }
            features: [training]
            limits: { uploads: 200, processing: 200, training_runs: 5, workflows: -1, tokens: 20000000 }
            concurrency: { agents: 100 }
            file_mb: 500
            storage_mb: 20480
            rates:
              { default: [300/minute, 10000/hour], checks: [3000/minute], intents: [100/minute, 10000/hour] }
          - id: premium
            name: Premium
            start: payment
            provider_prices: true
            features: [training]
            limits: { uploads: 200, processing: 200, training_runs: 5, iterations: 300, tokens: 20000000 }
            file_mb: 500
            storage_mb: 20480
            rates: { default: [300/minute, 10000/hour], checks: [3000/minute] }
          - id: enterprise
            name: Enterprise
            features: [training, commands]
            limits:
              { uploads: 999, processing: 999, training_runs: -1, workflows: -1, iterations: -1, tokens: -1 }
            concurrency: { agents: -1 }
            file_mb: 2048
            storage_mb: 102400
            rates:
              { default: [1200/minute, 50000/hour], checks: [12000/minute], intents: [1000/minute, 100000/hour] }
        """
}
