# For the steps that embed a file in a program.

# c_text(<variable> <text>): a string literal of C, a line of it for each line of the text. It is
# compiled in a fraction of the time that its bytes would take as numbers.
function(c_text out text)
  string(REPLACE "\\" "\\\\" text "${text}")
  string(REPLACE "\"" "\\\"" text "${text}")
  string(REPLACE "\n" "\\n\"\n\"" text "${text}")
  set(${out} "\"${text}\"" PARENT_SCOPE)
endfunction()

# hex_bytes(<variable> <hex>): "0a1b..." -> "0x0a,0x1b,...", in lines, as a C initializer takes it.
function(hex_bytes out hex)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
  string(REGEX REPLACE "((0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,))" "\\1\n" bytes "${bytes}")
  set(${out} "${bytes}" PARENT_SCOPE)
endfunction()
