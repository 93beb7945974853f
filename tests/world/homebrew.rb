# A stand-in for Homebrew: loads a formula, checks its archive for this machine, installs it and runs its test.
#
#     ruby homebrew.rb FORMULA ARCHIVES CELLAR
#
# ARCHIVES is the directory of the archives, by the names that the URLs end with. CELLAR becomes the
# installation. It has what the formula uses, and fails for anything else.

require "digest"
require "fileutils"
require "open3"
require "pathname"
require "tmpdir"

class Pathname
  def install(*sources)
    mkpath
    sources.flatten.each { |source| FileUtils.mv(source.to_s, to_s) }
  end

  def install_symlink(*sources)
    mkpath
    sources.flatten.each { |source| FileUtils.ln_s(Pathname(source).relative_path_from(self), to_s) }
  end
end

class Formula
  FIELDS = [:desc, :homepage, :license, :version, :url, :sha256].freeze

  class << self
    attr_reader :test_block

    FIELDS.each do |field|
      define_method(field) do |value = nil|
        return instance_variable_get("@#{field}") if value.nil?

        raise "#{field} is set twice" if instance_variable_defined?("@#{field}")

        instance_variable_set("@#{field}", value)
      end
    end

    def on_linux
      yield if RUBY_PLATFORM.include?("linux")
    end

    def on_macos
      yield if RUBY_PLATFORM.include?("darwin")
    end

    def on_arm
      yield if RUBY_PLATFORM.match?(/arm|aarch64/)
    end

    def on_intel
      yield if RUBY_PLATFORM.include?("x86_64")
    end

    def depends_on(what)
      raise "no program for this system" if what == :linux && !RUBY_PLATFORM.include?("linux")
    end

    def conflicts_with(_name, because:)
      raise "no reason" if because.empty?
    end

    def test(&block)
      @test_block = block
    end

    def inherited(formula)
      super
      @loaded = formula
    end

    attr_reader :loaded
  end

  def initialize(prefix)
    @prefix = prefix
  end

  def version = self.class.version

  def libexec = @prefix/"libexec"

  def bin = @prefix/"bin"

  def share = @prefix/"share"

  def system(*command)
    Kernel.system(*command.map(&:to_s), exception: true)
  end

  def shell_output(command, code = 0)
    said, status = Open3.capture2(command)
    raise "#{command} ends with #{status.exitstatus}" if status.exitstatus != code

    said
  end

  def pipe_output(command, input, code = 0)
    said, status = Open3.capture2(command, stdin_data: input)
    raise "#{command} ends with #{status.exitstatus}" if status.exitstatus != code

    said
  end

  def assert_match(pattern, text)
    raise "#{pattern} is not in #{text}" unless text.match?(Regexp.new(Regexp.escape(pattern)))
  end

  def assert_equal(expected, value)
    raise "#{value} is not #{expected}" if expected != value
  end
end

file, archives, cellar = ARGV
load file
formula = Formula.loaded
archive = File.join(archives, File.basename(formula.url))
raise "the checksum differs" if Digest::SHA256.file(archive).hexdigest != formula.sha256

installed = formula.new(Pathname(cellar))
Dir.mktmpdir do |work|
  Kernel.system("tar", "-xf", archive, "-C", work, exception: true)
  Dir.chdir(Dir.glob("#{work}/*").fetch(0)) { installed.install }
end
Dir.mktmpdir do |home|
  ENV["HOME"] = home
  Dir.chdir(home) { installed.instance_eval(&formula.test_block) }
end
puts "passed"
