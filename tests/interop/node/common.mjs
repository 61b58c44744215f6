// What the programs beside it share: tests that print what tap.sh reads.

const tooOld = Number(process.versions.node.split('.')[0]) < 20;

export async function test(name, body) {
	try {
		await body();
		console.log(`ok - ${name}`);
	} catch (error) {
		console.log(error);
		console.log(`not ok - ${name}`);
		process.exitCode = 1;
	}
}

// A test of a package that the running node may not be able to load, which its body then gets.
export async function testNewest(name, specifier, body) {
	if (tooOld) console.log(`ok - ${name} # SKIP node too old`);
	else await test(name, async () => body(await import(specifier)));
}
