# hex_bytes(<variable> <hex>): "0a1b..." -> "0x0a,0x1b,...", in lines, as a C initializer takes it.
# For the steps that embed a file in a program.
function(hex_bytes out hex)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
  string(REGEX REPLACE "((0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,))" "\\1\n" bytes "${bytes}")
  set(${out} "${bytes}" PARENT_SCOPE)
endfunction()
